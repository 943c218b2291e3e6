// 5 react · follows the dead-letter topic so that /readyz and /metrics say how many letters wait for somebody; started beside the intake.
import { randomUUID } from 'node:crypto';
import { deadLettersTopic, type MessageConsumer, type Messaging, type TopicSettings } from '#libs/messaging';
import type { PartHealth, Readiness } from '#libs/platform';
import { DeadLetters } from '#libs/providers';

export class DeadLetterWatch {
  /** Without what they say: a letter may be large, and only their number matters here. */
  readonly #letters = new DeadLetters({ keepValues: false });
  #consumer: MessageConsumer | null = null;
  #isRead = false;
  #takeAway: () => void = () => undefined;

  constructor(
    private readonly messaging: Messaging,
    private readonly settings: TopicSettings,
    private readonly readiness: Readiness,
  ) {}

  /** Null before anything was read. */
  get open(): number | null {
    return this.#isRead ? this.#letters.open().length : null;
  }

  start(): void {
    const { settings } = this;
    this.#consumer = this.messaging.consume({
      // Everybody reads all of it.
      groupId: `${settings.kafkaTopicPrefix}.dead-letter-watch.${randomUUID()}`,
      topics: [deadLettersTopic(settings).name],
      from: 'earliest',
      handle: async (messages) => {
        for (const message of messages) this.#letters.apply(message);
        this.#isRead = true;
      },
    });
    this.#takeAway = this.readiness.register('deadLetters', () => this.#health());
  }

  async stop(): Promise<void> {
    this.#takeAway();
    await this.#consumer?.stop();
  }

  #health(): PartHealth {
    const open = this.open ?? 0;
    if (open === 0) return { status: 'ok', open };
    const detail = `${open} message${open === 1 ? '' : 's'} of fleet workers could not be taken in: rollcredits dead-letters list`;
    return { status: 'degraded', detail, open };
  }
}
