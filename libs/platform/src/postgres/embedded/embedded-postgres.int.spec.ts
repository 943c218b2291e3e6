import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres, StartupError, urlFile, type EmbeddedPostgres } from '#libs/platform';
import { until } from '../../../../../test/support/until.js';
import { locatePackage, prepareBinaries } from './binaries.js';
import { ensureCluster } from './cluster.js';
import { isAlive } from './processes.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..', '..', '..');
const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
let root: string;
let made: string;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
let directories = 0;

/** A fresh DATA_DIR; `from` a stopped one, its files copied. */
function dataDir(from?: string): string {
  const directory = join(root, `data-${++directories}`);
  if (from !== undefined) {
    // cp keeps owners, which PostgreSQL insists on.
    if (spawnSync('cp', ['-a', from, directory]).status !== 0) throw new Error('cp failed');
  }
  return directory;
}

/** A file system that is soon full. */
function mountSmall(directory: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m,mode=711', 'tmpfs', directory]).status === 0;
}

/** Root may, outside of most containers. Asked by trying, before the tests are listed: one that cannot run is shown as left out. */
function canMount(): boolean {
  if (!isRoot) return false;
  const directory = mkdtempSync(join(tmpdir(), 'rollcredits-mount-'));
  const mounted = mountSmall(directory);
  if (mounted) spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true });
  return mounted;
}

async function start(
  dataDirectory: string,
  more: { say?: (line: string) => void; onChange?: (event: { up: boolean }) => void } = {},
): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir: dataDirectory, outsideDir: join(root, 'outside'), ...more });
  running.push(postgres);
  return postgres;
}

async function stop(postgres: EmbeddedPostgres): Promise<void> {
  running.splice(running.indexOf(postgres), 1);
  await postgres.stop();
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The same supervisor in a process of its own. */
async function startProcess(
  dataDirectory: string,
  as: { uid?: number; gid?: number } = {},
): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const child = spawn(process.execPath, [join(CHECKOUT, 'test', 'support', 'embedded-postgres.js'), dataDirectory, join(root, 'outside')], {
    ...as,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  await until(() => out.includes('\n') || child.exitCode !== null, { withinMs: 60_000 });
  if (!out.includes('\n')) throw new Error(err);
  return { child, ...(JSON.parse(out) as { url: string; pid: number }) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  children.splice(children.indexOf(child), 1);
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill(signal);
  });
}

async function complaint(starting: Promise<unknown>): Promise<string> {
  try {
    await starting;
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    expect(error.message).not.toContain('\n');
    return error.message;
  }
  return 'it started';
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'rollcredits-embedded-'));
  chmodSync(root, 0o755);
  made = dataDir();
  const postgres = await start(made);
  await query(postgres.url, `CREATE TABLE kept AS SELECT 'yes' AS word`);
  await stop(postgres);
});
afterEach(async () => {
  for (const postgres of [...running]) await stop(postgres);
  for (const child of [...children]) await end(child, 'SIGTERM');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the embedded PostgreSQL', () => {
  it('is durable, checked, private: its own password, this machine only, secrets readable by their owner alone', async () => {
    const directory = dataDir(made);
    const postgres = await start(directory);
    const [row] = await query(
      postgres.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages,
              current_setting('data_checksums') AS checksums, current_setting('listen_addresses') AS listens, current_setting('server_encoding') AS encoding,
              current_setting('password_encryption') AS passwords, current_setting('unix_socket_directories') AS sockets`,
    );
    expect(row).toEqual({
      fsync: 'on',
      commit: 'on',
      pages: 'on',
      checksums: 'on',
      listens: '127.0.0.1',
      encoding: 'UTF8',
      passwords: 'scram-sha-256',
      sockets: '',
    });
    expect(readFileSync(urlFile(directory), 'utf8').trim()).toBe(postgres.url);
    for (const file of ['postgres.url', 'embedded-postgres.json', 'postgres.log', 'server.lock'])
      expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
    const guess = new URL(postgres.url);
    guess.password = 'guess';
    await expect(query(guess.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    await stop(postgres);
    expect(existsSync(urlFile(directory))).toBe(false);
  });

  it('keeps its data and its port over a restart', async () => {
    const directory = dataDir(made);
    const first = await start(directory);
    const { url } = first;
    await stop(first);
    const second = await start(directory);
    expect(second.url).toBe(url);
    expect(await query(url, 'SELECT word FROM kept')).toEqual([{ word: 'yes' }]);
  });

  it('takes another port when a stranger listens on its own', async () => {
    const directory = dataDir(made);
    const first = await start(directory);
    const { port } = new URL(first.url);
    await stop(first);
    const stranger: Server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => stranger.listen(Number(port), '127.0.0.1', resolve));
    const second = await start(directory);
    await new Promise((resolve) => stranger.close(resolve));
    expect(new URL(second.url).port).not.toBe(port);
    expect(await query(second.url, 'SELECT word FROM kept')).toEqual([{ word: 'yes' }]);
  });

  it('refuses a second server on the same DATA_DIR, which goes on undisturbed', async () => {
    const directory = dataDir(made);
    const postgres = await start(directory);
    expect(await complaint(start(directory))).toBe(
      `another server (process ${process.pid}) already runs on ${directory}: stop it, or give this one a DATA_DIR of its own`,
    );
    expect(await query(postgres.url, 'SELECT word FROM kept')).toEqual([{ word: 'yes' }]);
  });

  it('is started again when it dies while the server runs, with all that was committed', async () => {
    const changes: boolean[] = [];
    const postgres = await start(dataDir(made), { onChange: ({ up }) => changes.push(up) });
    await query(postgres.url, `INSERT INTO kept VALUES ('and more')`);
    const pid = postgres.pid();
    process.kill(pid ?? 0, 'SIGKILL');
    await until(() => changes.includes(true));
    expect(changes[0]).toBe(false);
    expect(postgres.pid()).not.toBe(pid);
    expect(await query(postgres.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 2 }]);
  });

  it('ends by itself when the server is killed', async () => {
    const { child, pid } = await startProcess(dataDir(made));
    await end(child, 'SIGKILL');
    await until(() => !isAlive(pid));
  });

  it('is ended and started anew when a killed run left it behind', async () => {
    const directory = dataDir(made);
    const { child, pid, url } = await startProcess(directory);
    const ids = readFileSync(`/proc/${String(child.pid)}/task/${String(child.pid)}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    // The shell that watches over it dies first, so that nobody tells PostgreSQL.
    for (const watcher of ids.filter((id) => id !== pid)) process.kill(watcher, 'SIGKILL');
    await end(child, 'SIGKILL');
    const session = new pg.Client({ connectionString: url });
    session.on('error', () => undefined);
    await session.connect();
    expect(isAlive(pid)).toBe(true);
    const postgres = await start(directory);
    // It takes its file away and then ends.
    await until(() => !isAlive(pid));
    expect(await query(postgres.url, 'SELECT word FROM kept')).toEqual([{ word: 'yes' }]);
    await session.end().catch(() => undefined);
  });

  it('starts although its pid file names a stranger who is alive', async () => {
    const directory = dataDir(made);
    writeFileSync(join(directory, 'postgres', 'postmaster.pid'), `${process.ppid}\n${join(directory, 'postgres')}\n1\n5432\n\n127.0.0.1\n`);
    const postgres = await start(directory);
    expect(await query(postgres.url, 'SELECT word FROM kept')).toEqual([{ word: 'yes' }]);
  });

  it.each([
    [
      'no version',
      (directory: string) => rmSync(join(directory, 'postgres', 'PG_VERSION')),
      /is damaged \(its file PG_VERSION cannot be read\)/,
    ],
    [
      'another version',
      (directory: string) => writeFileSync(join(directory, 'postgres', 'PG_VERSION'), '12\n'),
      /was made by PostgreSQL 12, and this release runs 18/,
    ],
    [
      'no control file',
      (directory: string) => rmSync(join(directory, 'postgres', 'global', 'pg_control')),
      /could not start on .*, which may be damaged: /,
    ],
    [
      'a garbled control file',
      (directory: string) => writeFileSync(join(directory, 'postgres', 'global', 'pg_control'), 'x'.repeat(8192)),
      /which may be damaged: /,
    ],
    [
      'no database',
      (directory: string) => rmSync(join(directory, 'postgres'), { recursive: true }),
      /is missing: restore it from a backup/,
    ],
    [
      'garbled settings',
      (directory: string) => writeFileSync(join(directory, 'embedded-postgres.json'), '{'),
      /embedded-postgres\.json is damaged/,
    ],
    ['lost settings', (directory: string) => rmSync(join(directory, 'embedded-postgres.json')), /does not accept the password kept for it/],
  ])('says in one sentence what is wrong with a DATA_DIR that has %s, and lets go of it', async (_what, damage, sentence) => {
    const directory = dataDir(made);
    damage(directory);
    expect(await complaint(start(directory))).toMatch(sentence);
    expect(existsSync(join(directory, 'server.lock'))).toBe(false);
  });

  it('says so when DATA_DIR is a file', async () => {
    const directory = dataDir();
    writeFileSync(directory, '');
    expect(await complaint(start(directory))).toContain('is no directory');
  });

  (canMount() ? it : it.skip)('says so when the disk is full (needs a file system of its own, which only some may mount)', async () => {
    const directory = dataDir();
    mkdirSync(directory);
    expect(mountSmall(directory)).toBe(true);
    try {
      expect(await complaint(start(directory))).toMatch(/because the disk of .* is full$/);
    } finally {
      spawnSync('umount', [directory]);
    }
  });
});

describe('making the database', () => {
  it('says that the disk is full where initdb does, and leaves nothing half made', async () => {
    const directory = join(dataDir(), 'postgres');
    const initdb = join(root, 'initdb-on-a-full-disk');
    const words = 'initdb: error: could not write to file "pg_wal/xlogtemp.7": No space left on device';
    writeFileSync(initdb, `#!/bin/sh\necho '${words}' >&2\nexit 1\n`, { mode: 0o755 });
    const make = async (): Promise<boolean> =>
      ensureCluster({ directory, user: { name: null, spawn: {} }, outside: false }, { initdb, postgres: '/nowhere' }, 'x');
    expect(await complaint(make())).toMatch(/because the disk of .*postgres is full$/);
    expect(readdirSync(join(directory, '..'))).toEqual([]);
  });
});

describe('the embedded PostgreSQL and users', () => {
  (isRoot ? it : it.skip)(
    'keeps its files outside a DATA_DIR that its unprivileged user cannot reach, says so, and finds them again',
    async () => {
      const closed = join(root, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const directory = join(closed, 'data');
      const lines: string[] = [];
      const first = await start(directory, { say: (line) => lines.push(line) });
      expect(lines).toEqual([
        expect.stringMatching(
          /^PostgreSQL runs as the user \w+, which cannot reach .*closed\/data: its files are in .*outside\/[0-9a-f]{16}$/,
        ),
      ]);
      expect(statSync(first.directory).uid).not.toBe(0);
      await query(first.url, `CREATE TABLE kept AS SELECT 'outside' AS word`);
      await stop(first);
      const second = await start(directory);
      expect(second.directory).toBe(first.directory);
      expect(await query(second.url, 'SELECT word FROM kept')).toEqual([{ word: 'outside' }]);
      await stop(second);
      rmSync(second.directory, { recursive: true });
      expect(await complaint(start(directory))).toMatch(/is missing: restore it from a backup/);
    },
  );

  (isRoot ? it : it.skip)('copies programs that its user cannot reach, and restores the links of an installation without scripts', () => {
    const closed = join(root, 'closed-package');
    mkdirSync(closed, { mode: 0o700 });
    const installed = join(closed, 'package');
    cpSync(locatePackage(), installed, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !/native\/lib\/.*\.so(\.\d+)?$/.test(source) || !statSync(source).isSymbolicLink(),
    });
    spawnSync('find', [installed, '-type', 'l', '-delete']);
    const binaries = prepareBinaries({ name: 'nobody', spawn: NOBODY }, join(root, 'copies'), installed);
    expect(binaries.postgres).toContain('/copies/postgres-18');
    expect(spawnSync(binaries.postgres, ['--version'], { ...NOBODY, cwd: '/', encoding: 'utf8' }).stdout).toContain('PostgreSQL');
    expect(prepareBinaries({ name: null, spawn: {} }, join(root, 'unused'), installed).postgres).toContain(installed);
  });

  (isRoot && spawnSync('/bin/sh', ['-c', 'cd -- "$1" && test -r package.json', 'sh', CHECKOUT], { ...NOBODY, cwd: '/' }).status === 0
    ? it
    : it.skip)('serves an ordinary user, whose database root then starts as that same user', async () => {
    const home = join(root, 'home');
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, NOBODY.uid, NOBODY.gid);
    const directory = join(home, 'data');
    const { child, url } = await startProcess(directory, NOBODY);
    await query(url, `CREATE TABLE kept AS SELECT 'mine' AS word`);
    await end(child, 'SIGTERM');
    expect(statSync(join(directory, 'postgres')).uid).toBe(NOBODY.uid);
    const postgres = await start(directory);
    expect(await query(postgres.url, 'SELECT word FROM kept')).toEqual([{ word: 'mine' }]);
  });
});
