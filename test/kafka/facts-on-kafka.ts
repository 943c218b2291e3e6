// Reads everything that the relay publishes under one prefix, and judges it: each stream's facts in order and without a gap, repetitions left out.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { factsTopic, KafkaMessaging, PUBLISHED_CATEGORIES, type IncomingMessage } from '#libs/messaging';
import { kafkaSettingsFor, PATIENT } from './describe-kafka.js';
import { onceEach } from './once-each.js';

export interface FactsOnKafka {
  /** What stands on the topics, repetitions of the relay's included, in the order of arrival; of one stream that is the order on its partition. */
  readonly messages: readonly IncomingMessage[];
  /** By `ce_id`, the first of each. */
  distinct(): Map<string, IncomingMessage>;
  /** What a consumer that drops repetitions sees of each stream; throws where it sees a gap or a step back. */
  streams(): Map<string, IncomingMessage[]>;
  /** The same as `<stream>@<revision>`. */
  facts(): Set<string>;
  stop(): Promise<void>;
}

export function factsOnKafka(brokers: string, prefix: string): FactsOnKafka {
  const messaging = new KafkaMessaging(kafkaSettingsFor(brokers, PATIENT), pino({ level: 'silent' }));
  const messages: IncomingMessage[] = [];
  const once = onceEach();
  const settings = { kafkaTopicPrefix: prefix, kafkaPartitions: 1, kafkaRetentionMs: -1 };
  messaging.consume({
    groupId: randomUUID(),
    topics: PUBLISHED_CATEGORIES.map((category) => factsTopic(settings, category).name),
    handle: async (batch) => void messages.push(...once(batch)),
  });
  const distinct = (): Map<string, IncomingMessage> => {
    const seen = new Map<string, IncomingMessage>();
    for (const message of messages) {
      const id = message.headers['ce_id'] ?? '';
      if (!seen.has(id)) seen.set(id, message);
    }
    return seen;
  };
  const streams = (): Map<string, IncomingMessage[]> => {
    const seen = new Map<string, IncomingMessage[]>();
    for (const message of distinct().values()) {
      const stream = message.key ?? '';
      const before = seen.get(stream) ?? [];
      if (Number(message.headers['ce_sequence']) !== before.length)
        throw new Error(`${stream}: revision ${message.headers['ce_sequence'] ?? 'none'} came where ${before.length} was due`);
      before.push(message);
      seen.set(stream, before);
    }
    return seen;
  };
  return {
    messages,
    distinct,
    streams,
    facts: () => new Set([...streams()].flatMap(([stream, seen]) => seen.map((_, revision) => `${stream}@${revision}`))),
    stop: () => messaging.close(),
  };
}
