// One run of PostgreSQL: starts it, learns when it serves or why it does not, ends it; the supervisor decides when.
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import pg from 'pg';
import { SUPERUSER } from './cluster.js';
import type { DatabaseUser } from './database-user.js';
import { anyWorksIn, isAlive, worksIn } from './processes.js';

const READY_TIMEOUT_MS = 120_000;
const FAST_STOP_MS = 30_000;
const POLL_MS = 20;

export interface PostmasterOptions {
  program: string;
  user: DatabaseUser;
  directory: string;
  port: number;
  password: string;
  logFile: string;
}

export interface Postmaster {
  pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  ended: Promise<void>;
  /** Ends its sessions, writes a checkpoint, waits. */
  stop(): Promise<void>;
}

/** Why a run did not come up. `locked`: an earlier one is still there. */
export class PostmasterFailure extends Error {
  constructor(
    readonly kind: 'locked' | 'port_taken' | 'disk_full' | 'password' | 'other',
    /** What PostgreSQL wrote about it. */
    readonly output: string,
  ) {
    super(`PostgreSQL did not start (${kind})`);
  }
}

export function connection(options: Pick<PostmasterOptions, 'port' | 'password'>, database: string): string {
  return `postgres://${SUPERUSER}:${options.password}@127.0.0.1:${options.port}/${database}`;
}

/** Resolves once it takes connections. Throws a PostmasterFailure. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const log = openSync(options.logFile, 'a', 0o600);
  const logStart = fstatSync(log).size;
  const child = spawn(options.program, settings(options), {
    ...options.user.spawn,
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', log, log],
    // A group of its own: Ctrl-C in the terminal is for the server, which ends PostgreSQL after its last request.
    detached: true,
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const { pid } = child;
  if (pid === undefined) throw new PostmasterFailure('other', `FATAL: ${options.program} cannot be run`);
  const watcher = endWithUs(pid, options.user);
  void ended.then(() => watcher.stdin.end('ended\n'));
  try {
    await untilReady(options, child, ended, logStart);
  } catch (error) {
    await end(child, ended);
    throw error;
  }
  return { pid, ended, stop: () => end(child, ended) };
}

function settings({ directory, port }: PostmasterOptions): string[] {
  const mib = 1024 * 1024;
  const buffersMib = Math.max(128, Math.min(1024, Math.floor(totalmem() / mib / 8)));
  const named: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: `${buffersMib}MB`,
    effective_cache_size: `${buffersMib * 3}MB`,
    wal_buffers: '16MB',
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',
    random_page_cost: 1.1,
    jit: 'off',
    // Small containers have little shared memory, and no query here is worth more than one process.
    max_parallel_workers_per_gather: 0,
    // What is acknowledged is on the disk; said here so that no edited postgresql.conf changes it.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return ['-D', directory, ...Object.entries(named).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/**
 * A shell that waits for our end of a pipe to close, as it does however we die, and then asks PostgreSQL to stop: a killed server leaves
 * no database behind. Told that PostgreSQL ended by itself, it leaves without a signal.
 */
function endWithUs(pid: number, user: DatabaseUser): ChildProcessByStdio<Writable, null, null> {
  const watcher = spawn('/bin/sh', ['-c', 'read -r word || kill -INT "$1"', 'sh', String(pid)], {
    ...user.spawn,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without it (no shell here) the next start ends what is left over; the same if it ends early.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  return watcher;
}

async function untilReady(options: PostmasterOptions, child: ChildProcess, ended: Promise<void>, logStart: number): Promise<void> {
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const isOver = (): boolean => hasEnded;
  const startMs = performance.now();
  let refusals = 0;
  for (;;) {
    if (isOver()) throw judge(readFrom(options.logFile, logStart));
    const client = new pg.Client({ connectionString: connection(options, 'postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: string }>(`SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`);
      if (Number(rows[0]?.pid) === child.pid) return;
    } catch (error) {
      // Password refused by our own postmaster, and not by a stranger on a port that ours cannot get: then ours ends by itself.
      if ((error as { code?: string }).code === '28P01' && ++refusals > 50) throw new PostmasterFailure('password', '');
    } finally {
      await client.end().catch(() => undefined);
    }
    if (performance.now() - startMs > READY_TIMEOUT_MS) throw judge(readFrom(options.logFile, logStart));
    await Promise.race([pause(POLL_MS), ended]);
  }
}

function judge(output: string): PostmasterFailure {
  if (/No space left on device/.test(output)) return new PostmasterFailure('disk_full', output);
  if (/lock file ".*" already exists|pre-existing shared memory block/.test(output)) return new PostmasterFailure('locked', output);
  if (/Address already in use|could not bind|could not create any TCP\/IP sockets/.test(output))
    return new PostmasterFailure('port_taken', output);
  return new PostmasterFailure('other', output);
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  let hasEnded = false;
  const over = ended.then(() => (hasEnded = true));
  const isOver = (): boolean => hasEnded;
  // Fast, then immediate (recovers at the next start), then the last word.
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    child.kill(signal);
    await Promise.race([over, atMost(FAST_STOP_MS)]);
    if (isOver()) return;
  }
}

/** Ends the PostgreSQL that a killed server left on this cluster. True when none is left. */
export async function endLeftover(directory: string, timeoutMs: number): Promise<boolean> {
  const startMs = performance.now();
  for (let tries = 0; ; tries += 1) {
    const pid = postmasterPid(directory);
    if (pid === null || !isAlive(pid) || !worksIn(pid, directory)) return true;
    if (performance.now() - startMs > timeoutMs) return false;
    // Asked once for a fast stop; asked again it would only be the same.
    if (tries === 0) process.kill(pid, 'SIGINT');
    await pause(POLL_MS);
  }
}

/**
 * PostgreSQL refuses to start while the process that its pid file names is alive, though that may be a stranger with the same id by now.
 * The file goes only when no process at all works in the cluster.
 */
export function dropStalePidFile(directory: string): boolean {
  if (anyWorksIn(directory) !== false) return false;
  rmSync(join(directory, 'postmaster.pid'), { force: true });
  return true;
}

function postmasterPid(directory: string): number | null {
  try {
    const pid = Number(readFileSync(join(directory, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/** A port of the loopback address that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function pause(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}

/** For the loser of a race: it keeps no process alive. */
function atMost(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs).unref());
}

const COMPLAINT_BYTES_MAX = 65_536;

function readFrom(file: string, start: number): string {
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(COMPLAINT_BYTES_MAX);
    const size = readSync(handle, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, size);
  } finally {
    closeSync(handle);
  }
}
