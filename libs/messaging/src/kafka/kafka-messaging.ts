// 6 publish · the port over kafkajs: producers, consumers, topics and a ping of one Kafka cluster; made by MessagingModule, or by hand in tests.
import type { Admin, ITopicConfig } from 'kafkajs';
import type { Logger } from 'pino';
import { UNOBSERVED, type MessagingObserver } from '../messaging.metrics.js';
import {
  BrokerUnavailable,
  type ConsumeOptions,
  type IncomingMessage,
  type MessageConsumer,
  type MessageProducer,
  type Messaging,
  type TopicSpec,
} from '../messaging.port.js';
import { kafkaClient } from './kafka.client.js';
import { KafkaConsumer } from './kafka.consumer.js';
import { toMessagingError } from './kafka.errors.js';
import { KafkaProducer } from './kafka.producer.js';
import { endsOf, readToEnds } from './kafka.topic-reader.js';
import type { KafkaSettings } from './kafka.settings.js';

export class KafkaMessaging implements Messaging {
  readonly #open = new Set<{ end: () => Promise<void> }>();
  #reachable = true;
  #ping: Promise<void> | null = null;

  constructor(
    private readonly settings: KafkaSettings,
    private readonly logger: Logger,
    private readonly observer: MessagingObserver = UNOBSERVED,
  ) {}

  producer(clientId: string): MessageProducer {
    const observer: MessagingObserver = {
      ...bound(this.observer),
      onSent: (topic, messages, tookMs) => {
        this.#said(true);
        this.observer.onSent(topic, messages, tookMs);
      },
    };
    const producer = new KafkaProducer(kafkaClient(this.#named(clientId), this.logger), this.settings.patience, observer, () => {
      this.#open.delete(entry);
    });
    const entry = { end: () => producer.close() };
    this.#open.add(entry);
    return producer;
  }

  consume(options: ConsumeOptions): MessageConsumer {
    const client = kafkaClient(this.#named(options.groupId), this.logger);
    const consumer = new KafkaConsumer(client, options, this.settings.patience, this.observer, (state) => this.#said(state));
    const entry = { end: () => consumer.stop() };
    this.#open.add(entry);
    return {
      stop: async () => {
        await consumer.stop();
        this.#open.delete(entry);
      },
    };
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    if (topics.length === 0) return;
    await this.#administer(async (admin) => {
      const present = new Set(await admin.listTopics());
      const missing = topics.filter(({ name }) => !present.has(name));
      if (missing.length === 0) return;
      // False says that another process was quicker with some of them, which is as good.
      await admin.createTopics({ waitForLeaders: true, topics: missing.map((topic) => this.#config(topic)) });
    });
  }

  async readTopic(topic: string, onMessages: (messages: readonly IncomingMessage[]) => void): Promise<void> {
    const ends = new Map<number, bigint>();
    await this.#administer(async (admin) => {
      for (const [partition, offset] of await endsOf(admin, topic)) ends.set(partition, offset);
    });
    const { requestTimeoutMs } = this.settings.patience;
    const parts = { topic, timeoutMs: 6 * requestTimeoutMs, consume: (options: ConsumeOptions) => this.consume(options) };
    await readToEnds(parts, ends, onMessages);
  }

  ping(): Promise<void> {
    const { pingTimeoutMs } = this.settings.patience;
    this.#ping ??= this.#administer(async (admin) => {
      await admin.describeCluster();
    }).finally(() => {
      this.#ping = null;
    });
    const answer = this.#ping;
    answer.catch(() => undefined);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new BrokerUnavailable(`no answer within ${pingTimeoutMs} ms`)), pingTimeoutMs);
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map(({ end }) => end()));
    this.#open.clear();
    await this.#ping?.catch(() => undefined);
  }

  async #administer(work: (admin: Admin) => Promise<void>): Promise<void> {
    const admin = kafkaClient(this.#named('admin'), this.logger).admin({ retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 } });
    try {
      await admin.connect();
      await work(admin);
      this.#said(true);
    } catch (error) {
      const failure = toMessagingError(error);
      this.#said(failure);
      throw failure;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  #config({ name, partitions, retentionMs }: TopicSpec): ITopicConfig {
    return {
      topic: name,
      numPartitions: partitions,
      replicationFactor: this.settings.replicationFactor ?? -1,
      configEntries: [
        { name: 'cleanup.policy', value: 'delete' },
        { name: 'retention.ms', value: String(retentionMs) },
      ],
    };
  }

  #named(part: string): KafkaSettings {
    return { ...this.settings, clientId: `${this.settings.clientId}-${part}` };
  }

  /** One line when it is lost, one when it is back, however often it is tried. */
  #said(state: true | Error): void {
    const reachable = state === true;
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    if (state === true) this.logger.info('Kafka answers again');
    else this.logger.warn({ err: state }, 'Kafka does not answer; it is tried again for as long as it takes');
  }
}

function bound(observer: MessagingObserver): MessagingObserver {
  return {
    onSent: (...told) => observer.onSent(...told),
    onSendFailed: (...told) => observer.onSendFailed(...told),
    onHandled: (...told) => observer.onHandled(...told),
    onHandleFailed: (...told) => observer.onHandleFailed(...told),
    onConsumerLost: (...told) => observer.onConsumerLost(...told),
  };
}
