// What time it is for this deployment: real time, moved forward by the test clock; every process reads it, the test-clock route sets it.
import type pg from 'pg';
import { refuse, toIso, type Clock, type InstantMs, type Refusal } from '#libs/kernel';
import type { Config } from '../config.js';
import { StartupError } from '../startup-error.js';

const CHANNEL = 'deployment_clock';
const POLL_MS = 1_000;
/** Instants are texts of 24 characters, so years have four digits. */
const LATEST_MS = Date.UTC(9000, 0, 1);

interface ClockRow {
  offset: string;
  moved: boolean;
}

/**
 * The offset stands in table `deployment`, and the event store's SQL adds the same number to what it records. This process follows it by
 * LISTEN, and by a slow poll for the day on which a notification is lost.
 */
export class DeploymentClock implements Clock {
  #offsetMs = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #listener: pg.PoolClient | null = null;
  #poll: Promise<void> = Promise.resolve();
  readonly #moved = new Set<() => void>();

  private constructor(
    private readonly pool: pg.Pool,
    private readonly testClock: boolean,
  ) {}

  /** Throws a StartupError where the clock was moved and TEST_CLOCK is off. */
  static async open(pool: pg.Pool, config: Pick<Config, 'testClock'>): Promise<DeploymentClock> {
    await assertTestClock(pool, config);
    const clock = new DeploymentClock(pool, config.testClock);
    if (config.testClock) await clock.#listen();
    await clock.#read();
    clock.#schedule();
    return clock;
  }

  now(): InstantMs {
    return Date.now() + this.#offsetMs;
  }

  /** How far the deployment's clock has been moved from real time, as far as this process knows. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** What another process of the deployment knows of the offset: it is ahead of us until we hear of it ourselves. */
  learn(offsetMs: number): void {
    if (this.testClock) this.#follow(offsetMs);
  }

  /** Moves the clock of the whole deployment to `instant`, from where it ticks on; answers the new time. Never backwards. */
  async set(instant: InstantMs): Promise<{ ok: true; now: InstantMs } | Refusal<'conflict'>> {
    if (instant >= LATEST_MS) return refuse('conflict', `the clock cannot be moved to ${LATEST_MS} ms or later`);
    const { rows } = await this.pool.query<{ offset: string }>(
      `WITH moved AS (
         UPDATE deployment SET clock_offset_ms = $1 - floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, clock_moved_at = clock_timestamp()
         WHERE $1 >= floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + clock_offset_ms
         RETURNING clock_offset_ms)
       SELECT clock_offset_ms::text AS offset, pg_notify('${CHANNEL}', clock_offset_ms::text) FROM moved`,
      [instant],
    );
    const row = rows[0];
    if (row === undefined) {
      await this.#read();
      return refuse('conflict', `the clock stands at ${toIso(this.now())} and never moves back`, { now: toIso(this.now()) });
    }
    this.#follow(Number(row.offset));
    return { ok: true, now: this.now() };
  }

  /** Called after every jump, whoever made it: what waits for an instant looks again. */
  onMoved(listener: () => void): () => void {
    this.#moved.add(listener);
    return () => this.#moved.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#poll;
    clearTimeout(this.#timer);
    this.#listener?.release(true);
    this.#listener = null;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#poll = this.#refresh();
    }, POLL_MS);
    this.#timer.unref();
  }

  async #refresh(): Promise<void> {
    try {
      if (this.testClock && this.#listener === null) await this.#listen();
      await this.#read();
    } catch {
      // The database is away; the offset that is known holds until it is back.
    }
    if (!this.#closed) this.#schedule();
  }

  async #read(): Promise<void> {
    const row = await readClock(this.pool);
    this.#follow(Number(row.offset));
  }

  async #listen(): Promise<void> {
    const client = await this.pool.connect();
    if (this.#closed) return client.release(true);
    const lost = (): void => {
      if (this.#listener !== client) return;
      this.#listener = null;
      client.release(true);
    };
    client.once('error', lost);
    client.once('end', lost);
    client.on('notification', (message) => this.#follow(Number(message.payload)));
    this.#listener = client;
    await client.query(`LISTEN ${CHANNEL}`);
  }

  #follow(offsetMs: number): void {
    // Offsets only grow: an older answer that arrives late changes nothing.
    if (!(offsetMs > this.#offsetMs)) return;
    this.#offsetMs = offsetMs;
    for (const listener of this.#moved) listener();
  }
}

/** Facts dated by a moved clock must not be continued in real time by mistake. Throws a StartupError; called by every process at start. */
export async function assertTestClock(pool: pg.Pool, config: Pick<Config, 'testClock'>): Promise<void> {
  if (config.testClock) return;
  const row = await readClock(pool);
  if (!row.moved) return;
  const stands = toIso(Date.now() + Number(row.offset));
  throw new StartupError(
    `the test clock of this database was moved and stands at ${stands}: start with TEST_CLOCK=1, or use another DATA_DIR or DATABASE_URL`,
  );
}

async function readClock(pool: pg.Pool): Promise<ClockRow> {
  const { rows } = await pool.query<ClockRow>(
    'SELECT clock_offset_ms::text AS offset, clock_moved_at IS NOT NULL AS moved FROM deployment',
  );
  const row = rows[0];
  if (row === undefined)
    throw new StartupError('the table "deployment" of this database is empty: it is damaged, or was not made by this product');
  return row;
}
