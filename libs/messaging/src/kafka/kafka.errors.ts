// Tells what kafkajs throws apart: the broker is away (try again), or will never take this message (do not).
import kafkajs from 'kafkajs';
import { BrokerUnavailable, MessageRefused } from '../messaging.port.js';

// Node finds no names for these in the CommonJS module.
const { KafkaJSAggregateError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;

const REFUSED = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP']);

/** What it came from, through what kafkajs wraps around it. */
export function rootOf(error: unknown): Error {
  if (error instanceof KafkaJSAggregateError && error.errors[0] !== undefined) return rootOf(error.errors[0]);
  if (error instanceof KafkaJSNumberOfRetriesExceeded) return rootOf(error.cause ?? new Error(error.message));
  return error instanceof Error ? error : new Error(String(error));
}

export function toMessagingError(error: unknown): BrokerUnavailable | MessageRefused {
  if (error instanceof BrokerUnavailable || error instanceof MessageRefused) return error;
  const root = rootOf(error);
  if (root instanceof KafkaJSProtocolError && REFUSED.has(root.type)) return new MessageRefused(root.message, { cause: root });
  return new BrokerUnavailable(root.message, { cause: root });
}
