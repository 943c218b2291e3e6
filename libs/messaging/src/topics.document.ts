// Writes the table of topics in docs/kafka.md from topics.ts; its spec keeps the committed file equal to this.
import {
  cancellationsTopic,
  deadLettersTopic,
  factsTopic,
  jobsTopic,
  PUBLISHED_CATEGORIES,
  resultsTopic,
  type PublishedCategory,
} from './topics.js';
import type { TopicSpec } from './messaging.port.js';

const CARRIES: Readonly<Record<PublishedCategory, string>> = {
  account: 'every movement of credits',
  task: 'the life of every generation, refused submissions included',
  model: 'models and their prices',
  plan: 'plans',
  brief: 'briefs of the studio, and the attempts that are made on them',
  prompt: 'prompts of the studio, their versions and labels',
  clip: 'clips, every move of their review, and how they did',
  periods: 'the closing of accounting periods',
  billing: 'what providers’ bills changed in the books',
};

const settings = { kafkaTopicPrefix: '<prefix>', kafkaPartitions: 0, kafkaRetentionMs: 0 };
const name = ({ name: text }: TopicSpec): string => `\`${text}\``;
const days = ({ retentionMs }: TopicSpec): string => (retentionMs === 86_400_000 ? 'a day' : `${retentionMs / 86_400_000} days`);

export function topicsTable(): string {
  const rows = [
    ...PUBLISHED_CATEGORIES.map((category) => [
      name(factsTopic(settings, category)),
      'the relay',
      `facts: ${CARRIES[category]}`,
      'stream name',
      '`KAFKA_RETENTION_MS`',
    ]),
    [
      name(jobsTopic(settings, '<family>', 0)),
      'the orchestrator',
      'jobs for worker fleets, prompts included',
      'task id',
      'the longest deadline and an hour',
    ],
    [name(resultsTopic(settings)), 'workers', 'claims, heartbeats, results and failures', 'task id', days(resultsTopic(settings))],
    [
      name(cancellationsTopic(settings)),
      'the orchestrator',
      'jobs that nobody needs any more',
      'task id',
      days(cancellationsTopic(settings)),
    ],
    [
      name(deadLettersTopic(settings)),
      'the intake',
      'messages of workers that could not be taken in, with the reason',
      "the message's own",
      days(deadLettersTopic(settings)),
    ],
  ];
  const table = [['topic', 'written by', 'what travels on it', 'key', 'kept'], ['---', '---', '---', '---', '---'], ...rows];
  return table.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
