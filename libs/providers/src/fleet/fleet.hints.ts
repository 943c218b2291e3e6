// 5 react · hears from whichever process took a message in that a job has news; a hint that is lost costs a poll's delay and nothing else.
import type pg from 'pg';
import { FLEET_CHANNEL } from './fleet.jobs.postgres.js';

const RECONNECT_MS = 1_000;

/** Listens on one connection of the pool from the first listener on: a process that asks nobody needs no hints. */
export class FleetHints {
  readonly #listeners = new Set<(jobId: string) => void>();
  #client: pg.PoolClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #connecting: Promise<void> = Promise.resolve();
  #isStarted = false;
  #isClosed = false;

  constructor(private readonly pool: pg.Pool) {}

  listen(listener: (jobId: string) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#connect();
    }
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    await this.#connecting;
    this.#client?.release(true);
    this.#client = null;
  }

  #connect(): void {
    this.#connecting = this.#open().catch(() => this.#later());
  }

  async #open(): Promise<void> {
    const client = await this.pool.connect();
    if (this.#isClosed) return client.release(true);
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = null;
      client.release(true);
      this.#later();
    };
    client.once('error', lost);
    client.once('end', lost);
    client.on('notification', ({ payload }) => {
      for (const jobId of (payload ?? '').split(',')) for (const listener of this.#listeners) listener(jobId);
    });
    this.#client = client;
    try {
      await client.query(`LISTEN ${FLEET_CHANNEL}`);
    } catch {
      lost();
    }
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#connect(), RECONNECT_MS);
    this.#timer.unref();
  }
}
