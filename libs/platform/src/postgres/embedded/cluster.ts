// Makes the cluster at the first start and says what is wrong with one that cannot be used; called by the supervisor.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StartupError } from '../../startup-error.js';
import type { Binaries } from './binaries.js';
import type { ClusterPlace } from './data-dir.js';
import { makeOpenDir } from './database-user.js';

/** The database's superuser; it exists in our own cluster only. */
export const SUPERUSER = 'rollcredits';

/** True if the cluster had to be made. It appears whole or not at all. */
export function ensureCluster(place: ClusterPlace, binaries: Binaries, password: string): boolean {
  const { directory } = place;
  if (existsSync(directory)) {
    checkCluster(directory, binaries);
    return false;
  }
  makeOpenDir(dirname(directory));
  for (const name of readdirSync(dirname(directory))) {
    if (name.startsWith(`${basename(directory)}.new-`)) rmSync(join(dirname(directory), name), { recursive: true, force: true });
  }
  const draft = mkdtempSync(`${directory}.new-`);
  giveTo(place, draft);
  try {
    initialise(place, binaries, draft, password);
    renameSync(draft, directory);
    return true;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function initialise(place: ClusterPlace, binaries: Binaries, draft: string, password: string): void {
  // initdb takes the password from a file, which lives no longer than it does, in a folder of its own.
  const handover = mkdtempSync(join(tmpdir(), 'rollcredits-'));
  try {
    const passwordFile = join(handover, 'password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    giveTo(place, handover);
    giveTo(place, passwordFile);
    const made = spawnSync(
      binaries.initdb,
      [
        '-D',
        draft,
        '-U',
        SUPERUSER,
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale=C',
        '--data-checksums',
      ],
      { ...place.user.spawn, cwd: '/', encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C' } },
    );
    if (made.status === 0) return;
    if (/No space left on device/.test(made.stderr))
      throw new StartupError(`the database could not be created because the disk of ${place.directory} is full`);
    const why =
      made.stderr === '' || made.error !== undefined
        ? (made.error?.message ?? `it ended with ${made.status ?? 'a signal'}`)
        : lastComplaint(made.stderr);
    throw new StartupError(`the database could not be created in ${place.directory}: ${why}`);
  } finally {
    rmSync(handover, { recursive: true, force: true });
  }
}

function checkCluster(directory: string, binaries: Binaries): void {
  const damaged = (why: string): StartupError =>
    new StartupError(`the database in ${directory} is damaged (${why}): restore it from a backup, or remove DATA_DIR to begin anew`);
  let version: string;
  try {
    version = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES')
      throw new StartupError(`the database in ${directory} belongs to another user: start as the user who started it first, or as root`);
    throw damaged('its file PG_VERSION cannot be read');
  }
  if (!/^\d+$/.test(version)) throw damaged('its file PG_VERSION holds no version');
  const ours = spawnSync(binaries.postgres, ['--version'], { encoding: 'utf8', cwd: '/' }).stdout.match(/(\d+)/)?.[1];
  if (ours !== undefined && ours !== version) {
    throw new StartupError(
      `the database in ${directory} was made by PostgreSQL ${version}, and this release runs ${ours}: move its data with pg_dump first`,
    );
  }
}

function giveTo(place: ClusterPlace, path: string): void {
  const { uid, gid } = place.user.spawn;
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  if (path.endsWith('password')) return;
  chmodSync(path, 0o700);
}

/** The line of PostgreSQL's output that says why, without its decoration. */
export function lastComplaint(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const complaint =
    lines.filter((line) => /\b(?:PANIC|FATAL|error|ERROR):/.test(line)).at(-1) ??
    lines.filter((line) => line !== '').at(-1) ??
    'no reason given';
  return complaint.replace(/^.*?\b(?:PANIC|FATAL|error|ERROR):\s*/, '');
}
