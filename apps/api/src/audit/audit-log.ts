// 1 HTTP in · keeps the audit off the requests' way: entries wait in memory for a moment and go out in batches; what is lost is counted.
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '#libs/kernel';
import { CLOCK, CONFIG, LOGGER, METRICS, PG_POOL, type Config } from '#libs/platform';
import type { AuditEntry } from './audit-entry.js';
import { AuditTable } from './audit.postgres.js';

/** Well within the second in which an entry must be readable. */
const GATHER_MS = 150;
const BATCH_MAX = 2_000;
/** What a database that is away may leave waiting: some ten megabytes. Beyond it entries are dropped, and counted. */
export const AUDIT_QUEUE_MAX = 50_000;
const RETRY_MS_MAX = 5_000;
const SHUTDOWN_TIMEOUT_MS = 5_000;
const DAY_MS = 86_400_000;
const PRUNE_EVERY_MS = 60_000;
const PRUNE_ROWS_MAX = 5_000;

@Injectable()
export class AuditLog implements BeforeApplicationShutdown {
  readonly table: Pick<AuditTable, 'insert' | 'deleteBefore' | 'list'>;
  /** A key that does not look like one. */
  readonly secret: string | null;
  #queue: AuditEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  #troubles = 0;
  #prunedAtMs = 0;
  #closing = false;
  readonly #written: Counter;
  readonly #dropped: Counter;
  readonly #failures: Counter;

  constructor(
    @Inject(PG_POOL) pool: pg.Pool,
    @Inject(CONFIG) private readonly config: Pick<Config, 'adminApiKey' | 'auditRetentionDays'>,
    @Inject(CLOCK) readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) registry: Registry,
  ) {
    this.table = new AuditTable(pool);
    this.secret = config.adminApiKey;
    const registers = [registry];
    this.#written = new Counter({ name: 'rollcredits_audit_entries_total', help: 'Entries of the audit written.', registers });
    this.#dropped = new Counter({
      name: 'rollcredits_audit_dropped_total',
      help: 'Entries of the audit lost, because the database was away for too long or this process ended first.',
      registers,
    });
    this.#failures = new Counter({
      name: 'rollcredits_audit_failures_total',
      help: 'Batches of the audit that had to be tried again.',
      registers,
    });
    const waiting = (): number => this.waiting;
    new Gauge({
      name: 'rollcredits_audit_waiting',
      help: `Entries of the audit that wait to be written; at ${AUDIT_QUEUE_MAX} further ones are lost.`,
      registers,
      collect() {
        this.set(waiting());
      },
    });
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Costs a request no more than a push. */
  add(entry: AuditEntry): void {
    if (this.#queue.length >= AUDIT_QUEUE_MAX) {
      this.#dropped.inc();
      return;
    }
    this.#queue.push(entry);
    if (this.#timer === undefined && this.#writing === null) this.#schedule(GATHER_MS);
  }

  /** Writes what waits now; a reader of the audit finds what this process answered before. Throws what the database throws. */
  async flush(): Promise<void> {
    if (this.#writing !== null) await this.#writing.catch(() => undefined);
    if (this.#queue.length > 0) await (this.#writing ?? this.#write());
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#writing === null) this.#write().catch(() => undefined);
    }, delayMs);
    this.#timer.unref();
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#drain().finally(() => {
      this.#writing = null;
      if (this.#queue.length > 0 && !this.#closing) this.#schedule(Math.min(RETRY_MS_MAX, GATHER_MS * 2 ** this.#troubles));
    });
    return this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_MAX);
      try {
        await this.table.insert(batch);
      } catch (error) {
        // Said once an outage; what waits is tried again, and a batch that arrived after all is recognised by its ids.
        if (this.#troubles === 0)
          this.logger.error({ err: error, waiting: this.waiting }, 'the audit could not be written; it is tried again');
        this.#troubles += 1;
        this.#failures.inc();
        throw error;
      }
      this.#troubles = 0;
      this.#queue = this.#queue.slice(batch.length);
      this.#written.inc(batch.length);
    }
    await this.#prune();
  }

  /** A little at a time, so that no deletion stands in anybody's way. */
  async #prune(): Promise<void> {
    const nowMs = performance.now();
    if (this.#prunedAtMs !== 0 && nowMs - this.#prunedAtMs < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = nowMs;
    const before = this.clock.now() - this.config.auditRetentionDays * DAY_MS;
    const gone = await this.table.deleteBefore(Math.max(0, before), PRUNE_ROWS_MAX).catch((error: unknown) => {
      this.logger.warn({ err: error }, 'old entries of the audit could not be deleted');
      return 0;
    });
    // More are due: the next batch goes on.
    if (gone === PRUNE_ROWS_MAX) this.#prunedAtMs = 0;
  }

  /** The last requests have been answered, the pool is still open. A database that is away holds nobody up for ever. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    const until = performance.now() + SHUTDOWN_TIMEOUT_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, SHUTDOWN_TIMEOUT_MS)));
    const work = async (): Promise<void> => {
      while (this.#queue.length > 0 && performance.now() < until) {
        await this.flush().catch(() => new Promise((resolve) => setTimeout(resolve, GATHER_MS).unref()));
      }
    };
    await Promise.race([work(), late]);
    clearTimeout(timer);
    if (this.#queue.length > 0) {
      this.#dropped.inc(this.#queue.length);
      this.logger.error({ lost: this.#queue.length }, 'the process ends with entries of the audit that could not be written');
    }
  }
}
