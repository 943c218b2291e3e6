// 6 publish · sends messages so that acknowledged means kept and one key's order holds; made by KafkaMessaging.
import { CompressionTypes, Partitioners, type Kafka, type Producer } from 'kafkajs';
import type { MessageProducer, OutgoingMessage } from '../messaging.port.js';
import type { MessagingObserver } from '../messaging.metrics.js';
import { toMessagingError } from './kafka.errors.js';
import type { KafkaPatience } from './kafka.settings.js';
import { pause } from './pause.js';

/** Brokers refuse record batches over 1 MiB unless told otherwise, and one send to one partition is one record batch. */
const SEND_BYTES_MAX = 768 * 1024;
/** What a record costs beside its key, value and headers. */
const RECORD_BYTES = 32;
const CLOSE_TIMEOUT_MS = 3_000;

export class KafkaProducer implements MessageProducer {
  #producer: Promise<Producer> | null = null;
  /** kafkajs reorders sends to one partition that are under way together, so there is never more than one. */
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly patience: KafkaPatience,
    private readonly observer: MessagingObserver,
    private readonly onClose: (self: KafkaProducer) => void,
  ) {}

  send(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const sent = this.#last.then(() => this.#send(topic, messages));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // While the broker is away a send can take as long as all its time-outs together, and nobody waits for its outcome any more.
    await Promise.race([this.#last.then(() => this.#discard()), pause(CLOSE_TIMEOUT_MS)]);
    this.onClose(this);
  }

  async #send(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    for (const part of parts(messages)) {
      const startedAtMs = performance.now();
      try {
        if (this.#closed) throw new Error('the producer was closed');
        const producer = await this.#connected();
        await producer.send({
          topic,
          messages: part,
          acks: -1,
          compression: CompressionTypes.None,
          timeout: this.patience.requestTimeoutMs,
        });
      } catch (error) {
        this.observer.onSendFailed(topic);
        // Whether the broker has this batch is unknown, and what a producer sends next would carry the same sequence numbers: the broker
        // could take it for the repetition of this one and drop it. A producer with a new identity can only double, never lose.
        await this.#discard();
        throw toMessagingError(error);
      }
      this.observer.onSent(topic, part.length, performance.now() - startedAtMs);
    }
  }

  async #connected(): Promise<Producer> {
    this.#producer ??= this.#connect();
    return this.#producer;
  }

  async #connect(): Promise<Producer> {
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: this.patience.sendRetries },
    });
    try {
      await producer.connect();
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
    return producer;
  }

  async #discard(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.then((connected) => connected.disconnect()).catch(() => undefined);
  }
}

/** In order, each small enough to be one record batch; a message larger than that goes alone. */
function* parts(messages: readonly OutgoingMessage[]): Generator<OutgoingMessage[]> {
  let part: OutgoingMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    if (part.length > 0 && bytes + size > SEND_BYTES_MAX) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(message);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

function sizeOf({ key, value, headers }: OutgoingMessage): number {
  let bytes = RECORD_BYTES + Buffer.byteLength(key) + (value === null ? 0 : Buffer.byteLength(value));
  for (const name in headers) bytes += name.length + Buffer.byteLength(headers[name] ?? '') + 2;
  return bytes;
}
