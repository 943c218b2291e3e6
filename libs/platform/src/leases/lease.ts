// Decides which one process may do what only one may do (a projection, a partition of reactions); called by projector and orchestrator.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';

export interface LeaseOptions {
  /** How long a silent owner keeps the lease. A renewal is sent every third of it. */
  ttlMs?: number;
  /** Who asks; default: unique to this Lease object. */
  owner?: string;
  /** Called once each time that the lease was held and is so no longer, except by release(). */
  onLost?: (why: Error) => void;
}

const TTL_MS = 3_000;

/**
 * One row of table `leases`. The database's clock judges expiry between processes; `held()` is judged on this process's monotonic clock,
 * counted from before the renewal was sent, so that a paused process knows on waking that it no longer owns anything.
 */
export class Lease {
  readonly owner: string;
  readonly ttlMs: number;
  #token: string | null = null;
  #heldUntilMs = 0;
  #renewal: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();
  readonly #onLost: (why: Error) => void;

  constructor(
    private readonly pool: pg.Pool,
    readonly name: string,
    options: LeaseOptions = {},
  ) {
    this.owner = options.owner ?? `${hostname()}-${process.pid}-${randomUUID()}`;
    this.ttlMs = options.ttlMs ?? TTL_MS;
    this.#onLost = options.onLost ?? (() => undefined);
  }

  /** True while this process may act as the owner. Ask before every act. */
  held(): boolean {
    return this.#token !== null && performance.now() < this.#heldUntilMs;
  }

  /** The fencing token of the present ownership (decimal text); it grew with every change of owner. Throws when not held. */
  get token(): string {
    if (this.#token === null) throw new Error(`lease ${this.name} is not held`);
    return this.#token;
  }

  /** One attempt: true if the lease is ours now, and then it is renewed until release() or loss. */
  async acquire(): Promise<boolean> {
    if (this.held()) return true;
    if (this.#token !== null) this.#ranOut();
    const askedAtMs = performance.now();
    const { rows } = await this.pool.query<{ token: string }>(
      `INSERT INTO leases AS held (name, owner, token, expires_at)
       VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (name) DO UPDATE
         SET owner = excluded.owner, token = held.token + 1, expires_at = excluded.expires_at
         WHERE held.expires_at <= clock_timestamp() OR held.owner = excluded.owner
       RETURNING token::text`,
      [this.name, this.owner, this.ttlMs],
    );
    const row = rows[0];
    if (row === undefined) return false;
    this.#token = row.token;
    this.#heldUntilMs = askedAtMs + this.ttlMs;
    this.#scheduleRenewal();
    return true;
  }

  /**
   * Inside a transaction: true if this ownership is still the present one, and then no other process can take the lease before the
   * transaction ends. The fence for writes that no compare-and-set protects.
   */
  async fence(client: pg.ClientBase): Promise<boolean> {
    const { rowCount } = await client.query('SELECT 1 FROM leases WHERE name = $1 AND owner = $2 AND token = $3 FOR SHARE', [
      this.name,
      this.owner,
      this.#token,
    ]);
    return rowCount === 1;
  }

  /** Gives the lease up so that a successor starts at once. Safe when not held; never throws (an unreachable database lets it expire). */
  async release(): Promise<void> {
    clearTimeout(this.#renewal);
    await this.#renewing;
    clearTimeout(this.#renewal);
    const token = this.#token;
    this.#token = null;
    if (token === null) return;
    await this.pool
      .query('UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1 AND owner = $2 AND token = $3', [
        this.name,
        this.owner,
        token,
      ])
      .catch(() => undefined);
  }

  #scheduleRenewal(): void {
    this.#renewal = setTimeout(() => {
      this.#renewing = this.#renew();
    }, this.ttlMs / 3);
    this.#renewal.unref();
  }

  async #renew(): Promise<void> {
    const token = this.#token;
    if (token === null) return;
    if (!this.held()) return this.#ranOut();
    const askedAtMs = performance.now();
    try {
      const { rowCount } = await this.pool.query(
        `UPDATE leases SET expires_at = clock_timestamp() + $4 * interval '1 millisecond' WHERE name = $1 AND owner = $2 AND token = $3`,
        [this.name, this.owner, token, this.ttlMs],
      );
      if (this.#isOver(token)) return;
      if (rowCount !== 1) return this.#lose(new Error(`lease ${this.name} was taken over`));
      // Not held for a moment is lost: whatever was due in that moment was left undone by an owner that must not act.
      if (!this.held()) return this.#ranOut();
      this.#heldUntilMs = askedAtMs + this.ttlMs;
    } catch (error) {
      if (this.#isOver(token)) return;
      // A database that is away for a moment is no loss until the time is up.
      if (!this.held()) return this.#lose(error as Error);
    }
    this.#scheduleRenewal();
  }

  /** An answer that comes after its ownership ended says nothing of the one that may have begun since. */
  #isOver(token: string): boolean {
    return this.#token !== token;
  }

  #ranOut(): void {
    this.#lose(new Error(`lease ${this.name} ran out before it was renewed`));
  }

  #lose(why: Error): void {
    clearTimeout(this.#renewal);
    this.#token = null;
    this.#onLost(why);
  }
}

export interface LeasedWorkOptions {
  ttlMs?: number;
  owner?: string;
  /** How long to wait between two attempts to get the lease; default a sixth of the ttl. */
  retryMs?: number;
  /** Told of every failure (of the work, of the database); the work is tried again after retryMs. */
  onError?: (error: Error) => void;
}

export interface LeasedWork {
  held(): boolean;
  /** Asks the work to end, waits for it, releases the lease. */
  stop(): Promise<void>;
}

/**
 * Runs `work` in whichever process holds the lease, for as long as it does. The signal is aborted when the lease is lost or stop() was
 * called; the work then returns soon. Work that returns or throws by itself is started again under a lease newly asked for.
 */
export function runUnderLease(
  pool: pg.Pool,
  name: string,
  work: (lease: Lease, signal: AbortSignal) => Promise<void>,
  options: LeasedWorkOptions = {},
): LeasedWork {
  let current = new AbortController();
  const stopped = new AbortController();
  const lease = new Lease(pool, name, { ...options, onLost: (why) => current.abort(why) });
  const retryMs = options.retryMs ?? lease.ttlMs / 6;
  const ending = (): boolean => stopped.signal.aborted;
  const run = async (): Promise<void> => {
    while (!ending()) {
      try {
        if (await lease.acquire()) {
          current = new AbortController();
          await work(lease, AbortSignal.any([current.signal, stopped.signal]));
        }
      } catch (error) {
        if (!ending() && !current.signal.aborted) options.onError?.(error as Error);
      } finally {
        await lease.release();
      }
      if (!ending()) await pause(retryMs, stopped.signal);
    }
  };
  const done = run();
  return {
    held: () => lease.held(),
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

/** Waits, or less when the signal is aborted. */
function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, timeMs);
    signal.addEventListener('abort', end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}
