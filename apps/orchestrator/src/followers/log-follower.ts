// 5 react · hands a reaction the facts that it asks for, in order, at least once, in the one process that holds its lease; started by the followers' module.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel';
import type { EventStore, LogFilter, LogPage, Position, StoredFact } from '#libs/event-store';
import { pause } from '#libs/messaging';
import { runUnderLease, type Lease, type LeasedWork, type PartHealth } from '#libs/platform';
import { FollowerCheckpoint, FollowerFencedOut, type RowsOfPage } from './follower-checkpoint.postgres.js';
import type { FollowerMetrics } from './follower.metrics.js';

/** What is made of the log's facts. */
export interface Reaction {
  /** Of its lease, its checkpoint and its part of /readyz. */
  name: string;
  filter: LogFilter;
  /** Where it can wait longer for larger portions. */
  pauseMs?: number;
  /**
   * Called again with the same facts after a crash or a lost lease: what it does must be the same then. Once it resolves, the facts count as
   * seen; rows that it answers are written with that. A failure is tried again.
   */
  take(facts: readonly StoredFact[], signal: AbortSignal): Promise<RowsOfPage | null>;
  /** Told that the facts of a page count as seen. */
  seen?(): void;
  /** What there is to do beside following, in the same process, until aborted. */
  work?(lease: Lease, signal: AbortSignal): Promise<void>;
  /** Worth showing in /readyz. */
  figures?(): Record<string, number>;
}

export interface FollowerParts {
  store: Pick<EventStore, 'subscribe' | 'head'>;
  pool: pg.Pool;
  clock: Clock;
  logger: Logger;
  metrics: FollowerMetrics;
}

export interface FollowerOptions {
  leaseTtlMs?: number;
  /** Before it begins anew after a failure, and between two attempts to get the lease. */
  retryMs?: number;
  pageSizeMax?: number;
}

const PAGE_SIZE_MAX = 500;
/** Under load the log is read in portions this far apart, rather than once for every append. */
const PAGE_PAUSE_MS = 100;
/** A stretch of the log without a fact for us is not worth a write each time. */
const IDLE_ADVANCE_MS = 1_000;

export class LogFollower {
  readonly #checkpoint: FollowerCheckpoint;
  #work: LeasedWork | null = null;
  #position: Position | null = null;
  /** Recorded-at of the newest fact that was read and is not done with. */
  #oldestAtMs: number | null = null;
  #trouble: string | null = null;

  constructor(
    private readonly parts: FollowerParts,
    private readonly reaction: Reaction,
    private readonly options: FollowerOptions = {},
  ) {
    this.#checkpoint = new FollowerCheckpoint(parts.pool, reaction.name);
    parts.metrics.watch(reaction.name, () => ({ leads: this.leads(), lagMs: this.#lagMs() }));
  }

  start(): void {
    if (this.#work !== null) return;
    const { pool, logger, metrics } = this.parts;
    const { name } = this.reaction;
    this.#work = runUnderLease(pool, `follower:${name}`, (lease, signal) => this.#lead(lease, signal), {
      ttlMs: this.options.leaseTtlMs,
      retryMs: this.options.retryMs,
      onError: (error) => {
        metrics.onTrouble(name);
        this.#trouble = error.message;
        if (error instanceof FollowerFencedOut) logger.info({ follower: name }, 'another process follows the log by now');
        else logger.warn({ err: error, follower: name }, 'following the log was interrupted and begins anew');
      },
    });
  }

  /** Resolved once nothing of it runs any more; another process can go on at once. */
  async stop(): Promise<void> {
    await this.#work?.stop();
    this.#work = null;
  }

  leads(): boolean {
    return this.#work?.held() ?? false;
  }

  /** Never down: what it makes of the log comes later, and nothing is lost. */
  health(): PartHealth {
    const leads = this.leads();
    const figures = { leads, lagMs: this.#lagMs(), ...(leads ? this.reaction.figures?.() : {}) };
    const place = this.#position === null ? {} : { position: this.#position };
    if (this.#trouble === null) return { status: 'ok', ...figures, ...place };
    return { status: 'degraded', detail: 'following the log fails and is tried again', ...figures, ...place };
  }

  #lagMs(): number {
    return this.#oldestAtMs === null ? 0 : Math.max(0, this.parts.clock.now() - this.#oldestAtMs);
  }

  async #lead(lease: Lease, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const end = (): void => ended.abort();
    try {
      const work = this.reaction.work?.(lease, both) ?? Promise.resolve();
      const [followed, worked] = await Promise.allSettled([this.#follow(lease, both).finally(end), work.catch(failed(end))]);
      for (const part of [followed, worked]) if (part.status === 'rejected') throw part.reason;
    } finally {
      this.#position = null;
      this.#oldestAtMs = null;
    }
  }

  async #follow(lease: Lease, signal: AbortSignal): Promise<void> {
    const { store } = this.parts;
    const { filter } = this.reaction;
    let saved = await this.#checkpoint.read();
    let savedAtMs = performance.now();
    this.#position = saved;
    // Nothing waits, and nothing may come for long: what was interrupted is well again.
    if ((await store.head()) <= saved) this.#trouble = null;
    for await (const page of store.subscribe({
      ...filter,
      after: saved,
      batchSizeMax: this.options.pageSizeMax ?? PAGE_SIZE_MAX,
      signal,
    })) {
      this.#oldestAtMs = page.facts[0]?.recordedAt ?? null;
      const isDue = page.facts.length > 0 || performance.now() - savedAtMs >= IDLE_ADVANCE_MS;
      if (isDue) {
        await this.#takeIn(lease, saved, page, signal);
        saved = page.position;
        savedAtMs = performance.now();
      }
      this.#position = page.position;
      this.#oldestAtMs = null;
      this.#trouble = null;
      if (page.atEnd) await pause(this.reaction.pauseMs ?? PAGE_PAUSE_MS, signal);
    }
  }

  async #takeIn(lease: Lease, from: Position, page: LogPage, signal: AbortSignal): Promise<void> {
    const { reaction, parts } = this;
    const rows = page.facts.length === 0 ? null : await reaction.take(page.facts, signal);
    if (!lease.held()) throw new FollowerFencedOut(`the lease of ${reaction.name} was lost`);
    await this.#checkpoint.advance(lease, from, page.position, rows);
    if (page.facts.length === 0) return;
    parts.metrics.onSeen(reaction.name, page.facts.length);
    reaction.seen?.();
  }
}

/** The other part ends as well, and the failure is still told. */
function failed(end: () => void): (error: unknown) => never {
  return (error) => {
    end();
    throw error;
  };
}
