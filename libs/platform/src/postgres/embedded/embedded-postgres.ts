// Keeps one PostgreSQL running under DATA_DIR for as long as this process lives; apps/standalone starts it when DATABASE_URL is absent.
import { existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { StartupError } from '../../startup-error.js';
import { prepareBinaries } from './binaries.js';
import { ensureCluster, lastComplaint } from './cluster.js';
import { newSettings, openDataDir, placeCluster, readSettings, writeSecret, writeSettings } from './data-dir.js';
import { isHeld, takeLock, type HeldLock } from './lock-file.js';
import {
  connection,
  dropStalePidFile,
  endLeftover,
  freePort,
  pause,
  PostmasterFailure,
  startPostmaster,
  type Postmaster,
  type PostmasterOptions,
} from './postmaster.js';
import { processSpace } from './processes.js';

export interface EmbeddedPostgresOptions {
  /** Absolute. */
  dataDir: string;
  /** A line for the person who started the server. */
  say?: (line: string) => void;
  /** Told when PostgreSQL ended by itself, and again when it serves anew. */
  onChange?: (event: { up: boolean; detail: string }) => void;
  /** Where root keeps what PostgreSQL's user cannot reach otherwise. */
  outsideDir?: string;
}

export interface EmbeddedPostgres {
  /** Secret; also in DATA_DIR/postgres.url while it runs. */
  url: string;
  /** The cluster's folder. */
  directory: string;
  /** Null while it is down. */
  pid(): number | null;
  stop(): Promise<void>;
}

const OUTSIDE_DIR = '/var/lib/rollcredits';
/** How long the remains of a killed run may take to go. */
const LEFTOVER_MS = 10_000;
const LOG_BYTES_MAX = 10 * 1024 * 1024;
const DATABASE = 'rollcredits';

/** The file that tells other programs of this machine (the CLI) where the running database is. */
export function urlFile(dataDir: string): string {
  return join(dataDir, 'postgres.url');
}

/** Throws a StartupError that says in one sentence why it cannot be. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  let lock: HeldLock | null = null;
  try {
    openDataDir(options.dataDir);
    lock = await lockDataDir(options.dataDir);
    return await start({ ...options, dataDir: realpathSync(options.dataDir) }, lock);
  } catch (error) {
    lock?.release();
    throw explain(error, options.dataDir);
  }
}

async function lockDataDir(dataDir: string): Promise<HeldLock> {
  const startMs = performance.now();
  for (;;) {
    const result = takeLock(join(dataDir, 'server.lock'));
    if (isHeld(result)) return result;
    // Whether an owner elsewhere (another container) still lives shows only with time.
    if (result.space === processSpace() || performance.now() - startMs > LEFTOVER_MS + 2_000) {
      throw new StartupError(
        `another server (process ${result.pid}) already runs on ${dataDir}: stop it, or give this one a DATA_DIR of its own`,
      );
    }
    await pause(200);
  }
}

async function start(options: EmbeddedPostgresOptions, lock: HeldLock): Promise<EmbeddedPostgres> {
  const { dataDir } = options;
  const settings = readSettings(dataDir) ?? newSettings();
  const outsideDir = options.outsideDir ?? OUTSIDE_DIR;
  const place = placeCluster(dataDir, settings, outsideDir);
  if (place.outside)
    options.say?.(
      `PostgreSQL runs as the user ${place.user.name ?? 'given'}, which cannot reach ${dataDir}: its files are in ${place.directory}`,
    );
  const binaries = prepareBinaries(place.user, place.user.name === null ? join(dataDir, 'bin') : outsideDir);
  if (settings.initialised && !existsSync(place.directory)) {
    throw new StartupError(`the database in ${place.directory} is missing: restore it from a backup, or remove ${dataDir} to begin anew`);
  }
  if (!settings.initialised) writeSettings(dataDir, settings);
  ensureCluster(place, binaries, settings.password);
  settings.initialised = true;
  const logFile = join(dataDir, 'postgres.log');
  turnOver(logFile);
  const run: PostmasterOptions = {
    program: binaries.postgres,
    user: place.user,
    directory: realpathSync(place.directory),
    port: settings.port ?? (await freePort()),
    password: settings.password,
    logFile,
  };
  const first = await startFirst(run);
  try {
    settings.port = run.port;
    writeSettings(dataDir, settings);
    await ensureDatabase(run);
    writeSecret(urlFile(dataDir), `${connection(run, DATABASE)}\n`);
  } catch (error) {
    await first.stop();
    throw error;
  }
  return new Supervisor(run, options, lock, first);
}

/** The remains of a killed run are ended or waited for; a taken port is exchanged for a free one. */
async function startFirst(run: PostmasterOptions): Promise<Postmaster> {
  const startMs = performance.now();
  let portsTried = 0;
  let pidFileDropped = false;
  for (;;) {
    if (!(await endLeftover(run.directory, 6 * LEFTOVER_MS))) {
      throw new StartupError(`a PostgreSQL of an earlier run still works on ${run.directory} and does not stop: end it, then start again`);
    }
    try {
      return await startPostmaster(run);
    } catch (error) {
      if (!(error instanceof PostmasterFailure)) throw error;
      if (error.kind === 'port_taken' && portsTried++ < 5) {
        run.port = await freePort();
        continue;
      }
      if (error.kind !== 'locked') throw describeFailure(error, run);
      // Nothing is left of the earlier run but its file.
      if (!pidFileDropped && dropStalePidFile(run.directory)) pidFileDropped = true;
      else if (performance.now() - startMs > LEFTOVER_MS) throw describeFailure(error, run);
      await pause(100);
    }
  }
}

function describeFailure(failure: PostmasterFailure, run: PostmasterOptions): StartupError {
  switch (failure.kind) {
    case 'locked':
      return new StartupError(`another PostgreSQL still holds the database in ${run.directory}: end it, then start again`);
    case 'port_taken':
      return new StartupError('PostgreSQL found no free port on 127.0.0.1');
    case 'disk_full':
      return new StartupError(`PostgreSQL could not start because the disk of ${run.directory} is full`);
    case 'password':
      return new StartupError(
        `the database in ${run.directory} does not accept the password kept for it: DATA_DIR was changed by hand or restored in part`,
      );
    case 'other':
      return new StartupError(
        `PostgreSQL could not start on ${run.directory}, which may be damaged: ${lastComplaint(failure.output)} (see ${run.logFile})`,
      );
  }
}

async function ensureDatabase(run: PostmasterOptions): Promise<void> {
  const client = new pg.Client({ connectionString: connection(run, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

class Supervisor implements EmbeddedPostgres {
  readonly url: string;
  readonly directory: string;
  #running: Postmaster | null;
  #stopping = false;
  readonly #watch: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(
    private readonly run: PostmasterOptions,
    private readonly options: EmbeddedPostgresOptions,
    private readonly lock: HeldLock,
    first: Postmaster,
  ) {
    this.url = connection(run, DATABASE);
    this.directory = run.directory;
    this.#running = first;
    this.#watch = this.#keepRunning(first);
  }

  pid(): number | null {
    return this.#running?.pid ?? null;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running?.stop();
    await this.#watch;
    rmSync(urlFile(this.options.dataDir), { force: true });
    this.lock.release();
  }

  async #keepRunning(first: Postmaster): Promise<void> {
    let running = first;
    for (;;) {
      await running.ended;
      this.#running = null;
      if (this.#isStopping()) return;
      this.options.onChange?.({ up: false, detail: 'PostgreSQL ended by itself and is started again' });
      const next = await this.#startAgain();
      if (next === null) return;
      running = next;
      this.#running = next;
      this.options.onChange?.({ up: true, detail: 'PostgreSQL serves again' });
      if (this.#isStopping()) await next.stop();
    }
  }

  /** Tries for as long as it takes: a full disk may be emptied, and until then the API answers 503. */
  async #startAgain(): Promise<Postmaster | null> {
    for (let delayMs = 100; !this.#isStopping(); delayMs = Math.min(2 * delayMs, 5_000)) {
      try {
        await endLeftover(this.run.directory, LEFTOVER_MS);
        return await startPostmaster(this.run);
      } catch (error) {
        const detail = error instanceof PostmasterFailure ? describeFailure(error, this.run).message : 'PostgreSQL could not be started';
        this.options.onChange?.({ up: false, detail });
      }
      await Promise.race([pause(delayMs), new Promise<void>((resolve) => (this.#wake = resolve))]);
    }
    return null;
  }

  #isStopping(): boolean {
    return this.#stopping;
  }
}

function turnOver(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`);
}

/** What the file system says of DATA_DIR, as a sentence. */
function explain(error: unknown, dataDir: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const where = path ?? dataDir;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StartupError(`the disk of DATA_DIR (${dataDir}) is full`);
    case 'EACCES':
    case 'EPERM':
      return new StartupError(`DATA_DIR (${dataDir}) cannot be used: permission denied on ${where}`);
    case 'EROFS':
      return new StartupError(`DATA_DIR (${dataDir}) is on a file system that is read-only`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new StartupError(`DATA_DIR (${dataDir}) cannot be used: ${where} is in the way and is no directory`);
    default:
      return error;
  }
}
