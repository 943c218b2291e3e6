// Every Kafka topic in one place: what it is called, what travels on it, how long it is kept; docs/kafka.md is made from it.
import type { Config } from '#libs/platform';
import type { TopicSpec } from './messaging.port.js';

export type TopicSettings = Pick<Config, 'kafkaTopicPrefix' | 'kafkaPartitions' | 'kafkaRetentionMs'>;

/** Categories of streams whose facts are published; `request-…` streams hold idempotency keys and are nobody else's business. */
export const PUBLISHED_CATEGORIES = ['account', 'task', 'model', 'plan', 'brief', 'prompt', 'clip', 'periods', 'billing'] as const;
export type PublishedCategory = (typeof PUBLISHED_CATEGORIES)[number];

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export function factsTopic(settings: TopicSettings, category: PublishedCategory): TopicSpec {
  return topic(settings, `${category}.v1`, settings.kafkaRetentionMs);
}

/** Jobs of one model family. They carry prompts, so none is kept longer than anyone may work on it: `deadlineMaxMs` is the longest deadline of the family's models. */
export function jobsTopic(settings: TopicSettings, family: string, deadlineMaxMs: number): TopicSpec {
  return topic(settings, `jobs.${family}.v1`, deadlineMaxMs + HOUR_MS);
}

export function resultsTopic(settings: TopicSettings): TopicSpec {
  return topic(settings, 'results.v1', 7 * DAY_MS);
}

export function cancellationsTopic(settings: TopicSettings): TopicSpec {
  return topic(settings, 'cancellations.v1', DAY_MS);
}

/** Kept long enough for somebody to look, decide and redrive. */
export function deadLettersTopic(settings: TopicSettings): TopicSpec {
  return topic(settings, 'dead-letters.v1', 30 * DAY_MS);
}

function topic(settings: TopicSettings, name: string, retentionMs: number): TopicSpec {
  return { name: `${settings.kafkaTopicPrefix}.${name}`, partitions: settings.kafkaPartitions, retentionMs };
}
