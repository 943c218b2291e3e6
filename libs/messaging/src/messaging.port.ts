// 6 publish · the one way to a message broker: topics, acknowledged sends, consumer groups whose offsets follow what was handled.
import type { InstantMs } from '#libs/kernel';

export interface OutgoingMessage {
  /** Messages of one key stay in the order in which they were handed over. */
  key: string;
  /** Null is a tombstone. */
  value: Buffer | string | null;
  headers: Readonly<Record<string, string>>;
}

export interface IncomingMessage {
  topic: string;
  partition: number;
  /** Decimal text. */
  offset: string;
  key: string | null;
  value: Buffer | null;
  /** Of a header that stands there more than once, the first. */
  headers: Readonly<Record<string, string>>;
  timestamp: InstantMs;
}

export interface TopicSpec {
  name: string;
  partitions: number;
  /** -1 keeps for ever. */
  retentionMs: number;
}

/** The broker cannot be reached, or did not acknowledge: whether a message stands on the topic is not known. Sending it again may double it. */
export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable';
}

/** The broker answered that it will never take one of these messages (too large, for one): none of the same send may be counted on. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
}

export interface MessageProducer {
  /**
   * Resolves when every in-sync replica has them. One send at a time is under way; later calls wait their turn. Throws
   * {@link BrokerUnavailable} or {@link MessageRefused}.
   */
  send(topic: string, messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

export interface ConsumeOptions {
  groupId: string;
  topics: readonly string[];
  /** Where a group without committed offsets begins; default `earliest`. */
  from?: 'earliest' | 'latest';
  /**
   * One partition's messages in order; partitions side by side. Resolving says that each of them was handled, and their offsets are
   * committed; when it throws, they are handed over again after a pause. `signal` is aborted when the partition is taken away or the
   * consumer stops: whoever ends early for it throws, and what was not committed by then is another's.
   */
  handle(messages: readonly IncomingMessage[], signal: AbortSignal): Promise<void>;
  /** Told of every failure; the consumer goes on by itself. */
  onError?(error: Error): void;
}

export interface MessageConsumer {
  /** Finishes what is under way, commits it and leaves the group. */
  stop(): Promise<void>;
}

/** Injected as MESSAGING where KAFKA_BROKERS is set; null where it is not. */
export interface Messaging {
  producer(clientId: string): MessageProducer;
  /** Connects in the background, for as long as it takes. */
  consume(options: ConsumeOptions): MessageConsumer;
  /** Makes what is missing; what stands there with other settings is left as it is. Throws {@link BrokerUnavailable}. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  /**
   * Hands over all that stands on the topic now, one partition's messages in order; resolves at what was the end when it was called, at once
   * where there is no such topic. Throws {@link BrokerUnavailable}.
   */
  readTopic(topic: string, onMessages: (messages: readonly IncomingMessage[]) => void): Promise<void>;
  /** Throws {@link BrokerUnavailable} within a short time. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
