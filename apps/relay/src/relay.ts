// 6 publish · the log's facts to Kafka, in order, at least once, by the one process that holds the lease; started by the relay module.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from '#libs/kernel';
import { POSITION_PATTERN, placeOf, type CustomerKeys, type EventStore, type LogPage, type Position } from '#libs/event-store';
import { Backoff, factsTopic, pause, PUBLISHED_CATEGORIES, type MessageProducer, type Messaging } from '#libs/messaging';
import { runUnderLease, type Lease, type LeasedWork, type PartHealth } from '#libs/platform';
import { batchOf, type Batch, type BatchSettings } from './batch.js';
import { sendBatch, SendingEnded } from './batch.sender.js';
import { RelayCheckpoint, RelayFencedOut, type RelayFailure } from './relay-checkpoint.postgres.js';
import type { RelayFigures, RelayMetrics } from './relay.metrics.js';

export const RELAY_LEASE = 'relay';

export interface RelayParts {
  store: EventStore;
  pool: pg.Pool;
  messaging: Messaging;
  keys: CustomerKeys;
  clock: Clock;
  settings: BatchSettings;
  logger: Logger;
  metrics: RelayMetrics;
}

export interface RelayOptions {
  batchSizeMax?: number;
  leaseTtlMs?: number;
  backoff?: { firstMs: number; maxMs: number };
}

const BATCH_SIZE_DEFAULT = 1_000;
const BACKOFF_DEFAULT = { firstMs: 200, maxMs: 5_000 };

export class Relay {
  readonly #checkpoint: RelayCheckpoint;
  readonly #backoff: { firstMs: number; maxMs: number };
  #work: LeasedWork | null = null;
  #position: Position | null = null;
  /** Recorded-at of the oldest fact that is read and not acknowledged. */
  #waitingSinceMs: number | null = null;
  /** Of the last attempt, when it failed. */
  #trouble: string | null = null;
  #stuckAt: RelayFailure | null = null;

  constructor(
    private readonly parts: RelayParts,
    private readonly options: RelayOptions = {},
  ) {
    this.#checkpoint = new RelayCheckpoint(parts.pool);
    this.#backoff = options.backoff ?? BACKOFF_DEFAULT;
    parts.metrics.watch(() => this.figures());
  }

  start(): void {
    const { pool, logger } = this.parts;
    this.#work = runUnderLease(pool, RELAY_LEASE, (lease, signal) => this.#lead(lease, signal), {
      ttlMs: this.options.leaseTtlMs,
      onError: (error) => {
        this.#trouble = error.message;
        logger.warn({ err: error }, 'publishing was interrupted and begins anew');
      },
    });
  }

  async stop(): Promise<void> {
    await this.#work?.stop();
  }

  leads(): boolean {
    return this.#work?.held() ?? false;
  }

  async figures(): Promise<RelayFigures> {
    const leads = this.leads();
    const lagMs = this.#waitingSinceMs === null ? 0 : Math.max(0, this.parts.clock.now() - this.#waitingSinceMs);
    if (!leads || this.#position === null) return { leads, lagFacts: null, lagMs };
    const head = await this.parts.store.head();
    const areCounted = POSITION_PATTERN.test(head) && POSITION_PATTERN.test(this.#position);
    return { leads, lagFacts: areCounted ? Math.max(0, placeOf(head) - placeOf(this.#position)) : null, lagMs };
  }

  /** Never down: nothing but the topics waits for it, and the log keeps what it has not published. */
  async health(): Promise<PartHealth> {
    const { leads, lagFacts, lagMs } = await this.figures();
    const figures = {
      leads,
      lagMs,
      ...(lagFacts === null ? {} : { lag: lagFacts }),
      ...(this.#position === null ? {} : { position: this.#position }),
    };
    if (this.#stuckAt !== null)
      return { status: 'degraded', detail: `Kafka refuses the fact at ${this.#stuckAt.position} (${this.#stuckAt.error})`, ...figures };
    if (this.#trouble !== null) return { status: 'degraded', detail: `publishing fails and is tried again: ${this.#trouble}`, ...figures };
    return { status: 'ok', ...figures };
  }

  /** For as long as the lease is held. */
  async #lead(lease: Lease, signal: AbortSignal): Promise<void> {
    const producer = this.parts.messaging.producer('relay');
    const ended = new AbortController();
    try {
      await this.#publish(lease, producer, AbortSignal.any([signal, ended.signal]));
    } catch (error) {
      if (!(error instanceof SendingEnded)) throw error;
    } finally {
      ended.abort();
      this.#forget();
      await producer.close();
    }
  }

  async #makeTopics(signal: AbortSignal): Promise<void> {
    const topics = PUBLISHED_CATEGORIES.map((category) => factsTopic(this.parts.settings, category));
    const backoff = new Backoff(this.#backoff);
    while (!signal.aborted) {
      try {
        await this.parts.messaging.ensureTopics(topics);
        this.#trouble = null;
        return;
      } catch (error) {
        this.#failed(error as Error);
        await pause(backoff.next(), signal);
      }
    }
  }

  /** While one batch is on its way, the next is read and made ready; the checkpoint follows each acknowledgement. */
  async #publish(lease: Lease, producer: MessageProducer, signal: AbortSignal): Promise<void> {
    const start = (await this.#checkpoint.read()).position;
    this.#position = start;
    const { store, settings, keys } = this.parts;
    const limit = this.options.batchSizeMax ?? BATCH_SIZE_DEFAULT;
    const pages = store.subscribe({ after: start, batchSizeMax: limit, signal })[Symbol.asyncIterator]();
    const nextBatch = async (): Promise<Batch | null> => {
      const { done, value } = (await pages.next()) as IteratorResult<LogPage, undefined>;
      return done === true ? null : batchOf(value, settings, keys);
    };
    let position = start;
    let ahead = this.#prepared(nextBatch(), signal);
    await this.#makeTopics(signal);
    for (;;) {
      const batch = await ahead;
      if (batch === null) return;
      ahead = this.#prepared(nextBatch(), signal);
      this.#waitingSinceMs = batch.oldestAtMs;
      await sendBatch(batch, this.#sender(lease, producer), signal);
      await this.#checkpoint.advance(lease, position, batch.to);
      position = batch.to;
      this.#reached(position);
    }
  }

  /** Its failure is seen when its turn comes, and is nobody's unhandled rejection until then. */
  #prepared(batch: Promise<Batch | null>, signal: AbortSignal): Promise<Batch | null> {
    batch.then(
      (made) => {
        // One that comes when the lead is over waits for another process.
        if (!signal.aborted) this.#waitingSinceMs ??= made?.oldestAtMs ?? null;
      },
      () => undefined,
    );
    return batch;
  }

  #sender(lease: Lease, producer: MessageProducer): Parameters<typeof sendBatch>[1] {
    const { logger, metrics } = this.parts;
    return {
      producer,
      logger,
      backoff: this.#backoff,
      mayAct: () => lease.held(),
      onPublished: (topic, facts) => {
        this.#trouble = null;
        metrics.onPublished(topic, facts);
      },
      onFailed: (error) => this.#failed(error),
      onSkipped: () => metrics.onSkipped(),
      stuck: async (failure) => {
        this.#stuckAt = failure;
        return this.#checkpoint.fail(lease, failure);
      },
    };
  }

  #reached(position: Position): void {
    this.#position = position;
    this.#waitingSinceMs = null;
    this.#stuckAt = null;
  }

  #failed(error: Error): void {
    this.#trouble = error.message;
    this.parts.metrics.onFailed();
    if (!(error instanceof RelayFencedOut)) this.parts.logger.debug({ err: error }, 'a send to Kafka failed');
  }

  #forget(): void {
    this.#position = null;
    this.#waitingSinceMs = null;
    this.#stuckAt = null;
  }
}
