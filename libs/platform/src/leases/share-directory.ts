// Who holds which share of a group now, as this process knows it: kept by listening and by a slow look, so that asking costs nothing.
import pg from 'pg';
import type { JsonObject } from '#libs/kernel';
import { SHARES_CHANNEL, ShareRows, type LivingRows } from './share-rows.js';

export interface ShareOwner {
  owner: string;
  /** What the owner said of itself when it took the share. */
  detail: JsonObject;
  /** On this process's monotonic clock: past it the owner is taken for dead unless it is heard of again. */
  untilMs: number;
}

export interface ShareDirectoryOptions {
  group: string;
  /** How long to wait between two looks when nothing is heard. */
  pollMs?: number;
  onError?: (error: Error) => void;
}

const POLL_MS = 1_000;
const RECONNECT_MS = 250;

export class ShareDirectory {
  readonly rows: ShareRows;
  readonly #listeners = new Set<() => void>();
  readonly #pollMs: number;
  readonly #onError: (error: Error) => void;
  #owners = new Map<number, ShareOwner>();
  #members: string[] = [];
  #client: pg.Client | null = null;
  #connecting: Promise<void> = Promise.resolve();
  #timers = new Set<NodeJS.Timeout>();
  #looking: Promise<void> | null = null;
  #isAsked = false;
  #isRunning = false;

  constructor(
    private readonly pool: pg.Pool,
    options: ShareDirectoryOptions,
  ) {
    this.rows = new ShareRows(pool, options.group);
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#onError = options.onError ?? (() => undefined);
  }

  /** Null where nobody is known to hold it. */
  ownerOf(share: number): ShareOwner | null {
    const known = this.#owners.get(share);
    return known !== undefined && performance.now() < known.untilMs ? known : null;
  }

  /** Every share that somebody is known to hold. */
  owners(): ReadonlyMap<number, ShareOwner> {
    return this.#owners;
  }

  /** The living members, in an order that every process sees alike. */
  members(): readonly string[] {
    return this.#members;
  }

  /** Called after every look, whether it found anything new or not. */
  onLooked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the first look is done, or has failed. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#connecting = this.#listen();
    this.#poll();
    await this.look();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#connecting;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
    await this.#looking;
  }

  /** Reads the rows now; one look at a time, and one more when asked meanwhile. */
  look(): Promise<void> {
    this.#isAsked = true;
    return (this.#looking ??= this.#lookWhileAsked().finally(() => {
      this.#looking = null;
    }));
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#isAsked) {
      this.#isAsked = false;
      const askedAtMs = performance.now();
      try {
        this.#learn(await this.rows.living(), askedAtMs);
      } catch (error) {
        this.#onError(error as Error);
      }
    }
  }

  #learn({ shares, members }: LivingRows, askedAtMs: number): void {
    this.#owners = new Map(
      [...shares].map(([share, { owner, detail, msLeft }]) => [share, { owner, detail, untilMs: askedAtMs + msLeft }]),
    );
    this.#members = [...members.keys()].sort();
    for (const listener of this.#listeners) listener();
  }

  #poll(): void {
    this.#after(this.#pollMs, () => {
      void this.look().then(() => {
        if (this.#isRunning) this.#poll();
      });
    });
  }

  #after(timeMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, timeMs);
    timer.unref();
    this.#timers.add(timer);
  }

  async #listen(): Promise<void> {
    // Not one of the pool's: a small pool must not be spent on waiting.
    const client = new pg.Client({ ...this.pool.options, keepAlive: true, connectionTimeoutMillis: 3_000 });
    let isOver = false;
    const down = (): void => {
      if (isOver) return;
      isOver = true;
      if (this.#client === client) this.#client = null;
      void client.end().catch(() => undefined);
      if (!this.#isRunning) return;
      this.#after(RECONNECT_MS, () => {
        this.#connecting = this.#listen();
      });
    };
    client.on('error', down);
    client.on('end', down);
    client.on('notification', ({ payload }) => {
      if (payload === this.rows.group) void this.look();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${SHARES_CHANNEL}`);
      if (!this.#isRunning) {
        await client.end();
        return;
      }
      this.#client = client;
      // What changed while nobody listened.
      void this.look();
    } catch {
      down();
    }
  }
}
