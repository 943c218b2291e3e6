// 6 publish · reads what stands on a topic from its beginning to its present end, once, in no group that anybody minds; made by KafkaMessaging.
import { randomUUID } from 'node:crypto';
import type { Admin } from 'kafkajs';
import { BrokerUnavailable, type ConsumeOptions, type IncomingMessage, type MessageConsumer } from '../messaging.port.js';

export interface TopicReaderParts {
  topic: string;
  timeoutMs: number;
  consume: (options: ConsumeOptions) => MessageConsumer;
}

/** The partitions that hold anything, each with the offset of its last message. None where there is no such topic. */
export async function endsOf(admin: Admin, topic: string): Promise<Map<number, bigint>> {
  if (!(await admin.listTopics()).includes(topic)) return new Map();
  const partitions = await admin.fetchTopicOffsets(topic);
  const filled = partitions.filter(({ low, high }) => BigInt(high) > BigInt(low));
  return new Map(filled.map(({ partition, high }) => [partition, BigInt(high) - 1n]));
}

/** Resolves when all of `ends` was handed over. Throws {@link BrokerUnavailable} where that takes too long. */
export async function readToEnds(
  { topic, timeoutMs, consume }: TopicReaderParts,
  ends: Map<number, bigint>,
  onMessages: (messages: readonly IncomingMessage[]) => void,
): Promise<void> {
  if (ends.size === 0) return;
  let consumer: MessageConsumer | null = null;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new BrokerUnavailable(`${topic} could not be read within ${timeoutMs} ms`)), timeoutMs);
      consumer = consume({
        groupId: `${topic}.reader.${randomUUID()}`,
        topics: [topic],
        from: 'earliest',
        handle: async (messages) => {
          onMessages(messages);
          const last = messages.at(-1);
          if (last !== undefined && BigInt(last.offset) >= (ends.get(last.partition) ?? 0n)) ends.delete(last.partition);
          if (ends.size === 0) resolve();
        },
      });
    });
  } finally {
    clearTimeout(timer);
    await (consumer as MessageConsumer | null)?.stop();
  }
}
