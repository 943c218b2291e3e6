// 6 publish · one member of a consumer group that lasts for ever: offsets follow what was handled, and whatever kafkajs gives up on is begun anew; made by KafkaMessaging.
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { MessagingObserver } from '../messaging.metrics.js';
import type { ConsumeOptions, IncomingMessage, MessageConsumer } from '../messaging.port.js';
import { rootOf } from './kafka.errors.js';
import type { KafkaPatience } from './kafka.settings.js';
import { Backoff, pause } from './pause.js';

/** Handed over at once; more wait for the next call, so that offsets are committed now and then. */
const HANDLED_TOGETHER_MAX = 500;
const PARTITIONS_AT_ONCE_MAX = 64;
const DISCONNECT_TIMEOUT_MS = 10_000;

export class KafkaConsumer implements MessageConsumer {
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
  #signOfLifeMs = 0;

  constructor(
    private readonly kafka: Kafka,
    private readonly options: ConsumeOptions,
    private readonly patience: KafkaPatience,
    private readonly observer: MessagingObserver,
    private readonly onState: (reachable: true | Error) => void,
  ) {
    this.#backoff = new Backoff(patience.backoff);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the consumer stops'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const end = await this.#live(signal);
      if (end === null) return;
      this.observer.onConsumerLost(this.options.groupId);
      this.onState(end);
      this.options.onError?.(end);
      await pause(this.#backoff.next(), signal);
    }
  }

  /** From connecting to the end; null when it was asked to stop. */
  async #live(signal: AbortSignal): Promise<Error | null> {
    const { sessionTimeoutMs, fetchWaitMs } = this.patience;
    const consumer = this.kafka.consumer({
      groupId: this.options.groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: 3 * sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      // kafkajs restarts after some failures and stays silent after others: it is told to leave all of them to the loop above.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3, restartOnFailure: async () => false },
    });
    const stop = new AbortController();
    const ended = new Promise<Error | null>((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(rootOf(payload.error)));
      signal.addEventListener('abort', () => resolve(null), { once: true, signal: stop.signal });
      this.#watch(consumer, stop.signal, resolve);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...this.options.topics], fromBeginning: (this.options.from ?? 'earliest') === 'earliest' });
      if (signal.aborted) return null;
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE_MAX,
        eachBatch: (payload) => this.#onBatch(payload),
      });
      return await ended;
    } catch (error) {
      return signal.aborted ? null : rootOf(error);
    } finally {
      stop.abort();
      await Promise.race([consumer.disconnect().catch(() => undefined), pause(DISCONNECT_TIMEOUT_MS)]);
    }
  }

  /** A consumer can fall silent without a crash; one that gives no sign for too long counts as lost. */
  #watch(consumer: Consumer, stopped: AbortSignal, lost: (why: Error) => void): void {
    const { events } = consumer;
    const alive = (): void => {
      this.#signOfLifeMs = performance.now();
    };
    alive();
    for (const event of [events.FETCH, events.HEARTBEAT, events.END_BATCH_PROCESS] as const) consumer.on(event, alive);
    consumer.on(events.GROUP_JOIN, () => {
      alive();
      this.#backoff.reset();
      this.onState(true);
    });
    const timer = setInterval(() => {
      const silentMs = performance.now() - this.#signOfLifeMs;
      if (silentMs > this.patience.silenceMaxMs) lost(new Error(`the consumer gave no sign of life for ${Math.round(silentMs)} ms`));
    }, this.patience.silenceMaxMs / 10).unref();
    stopped.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.#stopping.signal]);
    // Handling may take longer than the session lasts, so the heart beats beside it; when it fails, the partitions are another's soon.
    const heart = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => lost.abort(error));
    }, this.patience.sessionTimeoutMs / 10);
    try {
      for (let from = 0; from < batch.messages.length && payload.isRunning() && !payload.isStale(); from += HANDLED_TOGETHER_MAX) {
        const messages = batch.messages.slice(from, from + HANDLED_TOGETHER_MAX);
        if (!(await this.#handle(batch.topic, batch.partition, messages, signal))) break;
        const last = messages[messages.length - 1]!.offset;
        const offset = (BigInt(last) + 1n).toString();
        await payload.commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }] });
        payload.resolveOffset(last);
      }
    } finally {
      clearInterval(heart);
    }
    // Only its own error makes kafkajs join the group again.
    if (lost.signal.aborted) throw lost.signal.reason;
  }

  /** Until it succeeds; false when the signal came first. */
  async #handle(topic: string, partition: number, messages: KafkaMessage[], signal: AbortSignal): Promise<boolean> {
    const incoming = messages.map((message) => toIncoming(topic, partition, message));
    const backoff = new Backoff(this.patience.backoff);
    const over = (): boolean => signal.aborted;
    while (!over()) {
      const startedAtMs = performance.now();
      try {
        await this.options.handle(incoming, signal);
        this.observer.onHandled(topic, incoming.length, performance.now() - startedAtMs);
        return true;
      } catch (error) {
        if (over()) return false;
        this.observer.onHandleFailed(topic);
        this.options.onError?.(error as Error);
        await pause(backoff.next(), signal);
      }
    }
    return false;
  }
}

function toIncoming(topic: string, partition: number, message: KafkaMessage): IncomingMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = first.toString();
  }
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? null,
    value: message.value,
    headers,
    timestamp: Number(message.timestamp),
  };
}
