// 5 react · hands jobs, questions and cancellations to Kafka, together where many come at once, and tells apart what left from what did not.
import { BrokerUnavailable, cancellationsTopic, jobsTopic, MessageRefused, resultsTopic, type TopicSettings } from '#libs/messaging';
import type { MessageProducer, Messaging, OutgoingMessage } from '#libs/messaging';
import { BatchedCalls } from '../batched-calls.js';

/** The longest deadline that a task may have: jobs are kept for as long and an hour. */
export const FLEET_DEADLINE_MS_MAX = 86_400_000;

const TRIES_MAX = 2;

export type Sending =
  | { kind: 'sent' }
  /** Nothing left this process. */
  | { kind: 'closed'; detail: string }
  /** It may stand on the topic, or not. */
  | { kind: 'unknown'; detail: string }
  | { kind: 'refused'; detail: string };

export class FleetSender {
  readonly #producer: MessageProducer;
  readonly #lines = new Map<string, BatchedCalls<OutgoingMessage, Sending>>();
  readonly #ensured = new Map<string, Promise<void>>();
  /** Whether the last thing that we tried worked: where it did not, we ask before we send, so that we know what left. */
  #isOpen = false;

  constructor(
    private readonly messaging: Messaging,
    private readonly settings: TopicSettings,
  ) {
    this.#producer = messaging.producer('fleet');
  }

  /** Null where the way is open; else why nothing can be sent to this family now. */
  async whyClosed(family: string): Promise<string | null> {
    for (let tries = 1; ; tries += 1) {
      try {
        if (!this.#isOpen) await this.messaging.ping();
        await this.#ensure(family);
        this.#isOpen = true;
        return null;
      } catch (error) {
        this.#isOpen = false;
        // A broker that is only busy costs no attempt.
        if (tries === TRIES_MAX) return detailOf(error);
      }
    }
  }

  async isReachable(): Promise<boolean> {
    return this.messaging.ping().then(
      () => true,
      () => false,
    );
  }

  job(family: string, message: OutgoingMessage): Promise<Sending> {
    return this.#line(jobsTopic(this.settings, family, FLEET_DEADLINE_MS_MAX).name).call(message);
  }

  async probe(message: OutgoingMessage): Promise<boolean> {
    return (await this.#line(resultsTopic(this.settings).name).call(message)).kind === 'sent';
  }

  async cancellation(message: OutgoingMessage): Promise<boolean> {
    return (await this.#line(cancellationsTopic(this.settings).name).call(message)).kind === 'sent';
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  #line(topic: string): BatchedCalls<OutgoingMessage, Sending> {
    let line = this.#lines.get(topic);
    if (line === undefined) {
      line = new BatchedCalls((messages) => this.#send(topic, messages), { batchSizeMax: 200, inFlightMax: 1, gatherMs: 2 });
      this.#lines.set(topic, line);
    }
    return line;
  }

  async #send(topic: string, messages: OutgoingMessage[]): Promise<Sending[]> {
    try {
      await this.#producer.send(topic, messages);
      return messages.map(() => ({ kind: 'sent' }));
    } catch (error) {
      const detail = detailOf(error);
      if (!(error instanceof MessageRefused)) {
        this.#isOpen = false;
        return messages.map(() => ({ kind: 'unknown', detail }));
      }
      // One of them is at fault; sent alone, each gets an answer of its own. One that went out before goes out twice, which does no harm.
      if (messages.length === 1) return [{ kind: 'refused', detail }];
      const alone: Sending[] = [];
      for (const message of messages) alone.push(...(await this.#send(topic, [message])));
      return alone;
    }
  }

  /** Once for each family and process. */
  #ensure(family: string): Promise<void> {
    let ensured = this.#ensured.get(family);
    if (ensured === undefined) {
      const { settings } = this;
      const topics = [jobsTopic(settings, family, FLEET_DEADLINE_MS_MAX), resultsTopic(settings), cancellationsTopic(settings)];
      ensured = this.messaging.ensureTopics(topics);
      ensured.catch(() => this.#ensured.delete(family));
      this.#ensured.set(family, ensured);
    }
    return ensured;
  }
}

function detailOf(error: unknown): string {
  return error instanceof BrokerUnavailable ? `Kafka does not answer: ${error.message}` : (error as Error).message;
}
