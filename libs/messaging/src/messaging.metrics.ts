// What operators see of messaging: how much goes out and comes in, how long it takes, what fails.
import { Counter, Histogram, type Registry } from 'prom-client';

export interface MessagingObserver {
  onSent(topic: string, messages: number, tookMs: number): void;
  onSendFailed(topic: string): void;
  onHandled(topic: string, messages: number, tookMs: number): void;
  onHandleFailed(topic: string): void;
  onConsumerLost(groupId: string): void;
}

export const UNOBSERVED: MessagingObserver = {
  onSent: () => undefined,
  onSendFailed: () => undefined,
  onHandled: () => undefined,
  onHandleFailed: () => undefined,
  onConsumerLost: () => undefined,
};

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30];

export class MessagingMetrics implements MessagingObserver {
  private readonly sent: Counter<'topic'>;
  private readonly sendFailures: Counter<'topic'>;
  private readonly sendSeconds: Histogram<'topic'>;
  private readonly handled: Counter<'topic'>;
  private readonly handleFailures: Counter<'topic'>;
  private readonly handleSeconds: Histogram<'topic'>;
  private readonly consumersLost: Counter<'group'>;

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['topic'] as const;
    const counter = (name: string, help: string): Counter<'topic'> => new Counter({ name, help, labelNames, registers });
    const seconds = (name: string, help: string): Histogram<'topic'> =>
      new Histogram({ name, help, labelNames, buckets: SECONDS, registers });
    this.sent = counter('rollcredits_messages_sent_total', 'Messages that Kafka acknowledged.');
    this.sendFailures = counter('rollcredits_message_sends_failed_total', 'Sends that Kafka did not acknowledge or refused.');
    this.sendSeconds = seconds('rollcredits_message_send_seconds', 'From handing a batch to Kafka to its acknowledgement.');
    this.handled = counter('rollcredits_messages_handled_total', 'Messages that were handled, their offsets committed.');
    this.handleFailures = counter('rollcredits_message_handlings_failed_total', 'Batches whose handling failed and is tried again.');
    this.handleSeconds = seconds('rollcredits_message_handle_seconds', 'How long the handling of a batch took.');
    this.consumersLost = new Counter({
      name: 'rollcredits_consumers_lost_total',
      help: 'How often a consumer lost Kafka and began anew.',
      labelNames: ['group'],
      registers,
    });
  }

  onSent(topic: string, messages: number, tookMs: number): void {
    this.sent.inc({ topic }, messages);
    this.sendSeconds.observe({ topic }, tookMs / 1000);
  }

  onSendFailed(topic: string): void {
    this.sendFailures.inc({ topic });
  }

  onHandled(topic: string, messages: number, tookMs: number): void {
    this.handled.inc({ topic }, messages);
    this.handleSeconds.observe({ topic }, tookMs / 1000);
  }

  onHandleFailed(topic: string): void {
    this.handleFailures.inc({ topic });
  }

  onConsumerLost(group: string): void {
    this.consumersLost.inc({ group });
  }
}
