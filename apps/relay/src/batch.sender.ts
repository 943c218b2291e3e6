// 6 publish · gets one batch acknowledged, whatever it takes: tries again while Kafka is away, stands before a fact that Kafka refuses; called by the relay.
import type { Logger } from 'pino';
import { Backoff, MessageRefused, pause, type MessageProducer } from '#libs/messaging';
import type { Batch, Outgoing } from './batch.js';
import type { RelayFailure } from './relay-checkpoint.postgres.js';

/** What is on its way when the relay stops usually arrives, and then need not be sent again. */
const STOP_GRACE_MS = 2_000;

export interface SenderParts {
  producer: MessageProducer;
  logger: Logger;
  backoff: { firstMs: number; maxMs: number };
  /** False when this process may not act as the owner any more: asked before every send. */
  mayAct: () => boolean;
  onPublished: (topic: string, facts: number) => void;
  onFailed: (error: Error) => void;
  onSkipped: () => void;
  /** Records the fact that stands in the way; answers whether it may be left out. */
  stuck: (failure: RelayFailure) => Promise<boolean>;
}

/** The lease is another's, or the process stops: what is unsent stays unsent. */
export class SendingEnded extends Error {
  override readonly name = 'SendingEnded';
}

/** Topics one after the other: what was acknowledged is not sent again when a later topic fails. */
export async function sendBatch(batch: Batch, parts: SenderParts, signal: AbortSignal): Promise<void> {
  for (const { topic, outgoing } of batch.topics) await sendAll(topic, outgoing, parts, signal);
}

async function sendAll(topic: string, outgoing: readonly Outgoing[], parts: SenderParts, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(parts.backoff);
  for (;;) {
    try {
      await sendOnce(topic, outgoing, parts, signal);
      parts.onPublished(topic, outgoing.length);
      return;
    } catch (error) {
      if (error instanceof SendingEnded) throw error;
      parts.onFailed(error as Error);
      if (error instanceof MessageRefused) return sendOneByOne(topic, outgoing, parts, signal);
      await pause(backoff.next(), signal);
    }
  }
}

/** One of them is refused and nobody says which: each goes alone, so that the others go at all and order holds. */
async function sendOneByOne(topic: string, outgoing: readonly Outgoing[], parts: SenderParts, signal: AbortSignal): Promise<void> {
  for (const one of outgoing) {
    const backoff = new Backoff(parts.backoff);
    for (;;) {
      try {
        await sendOnce(topic, [one], parts, signal);
        parts.onPublished(topic, 1);
        break;
      } catch (error) {
        if (error instanceof SendingEnded) throw error;
        parts.onFailed(error as Error);
        if (error instanceof MessageRefused && (await isLeftOut(one, error, parts))) break;
        await pause(backoff.next(), signal);
      }
    }
  }
}

async function isLeftOut({ position, message }: Outgoing, error: MessageRefused, parts: SenderParts): Promise<boolean> {
  const fact = { position, id: message.headers['ce_id'], type: message.headers['ce_type'] };
  const mayBe = await parts.stuck({ position, error: `${fact.type ?? 'a fact'}: ${error.message}` });
  if (mayBe) {
    parts.onSkipped();
    parts.logger.warn({ fact, err: error }, 'a fact that Kafka refuses is left out, as an operator allowed');
  } else {
    parts.logger.error({ fact, err: error }, 'Kafka refuses a fact: the relay stands before it and tries again');
  }
  return mayBe;
}

async function sendOnce(topic: string, outgoing: readonly Outgoing[], parts: SenderParts, signal: AbortSignal): Promise<void> {
  if (signal.aborted || !parts.mayAct()) throw new SendingEnded('the relay does not own the log’s end any more');
  const sent = parts.producer.send(
    topic,
    outgoing.map(({ message }) => message),
  );
  await endedBy(sent, signal);
}

/** A send that hangs does not keep the process from ending; what becomes of it can only double what the next owner sends. */
async function endedBy(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const ended = new Promise<void>((_, reject) => {
    const end = (): void => reject(new SendingEnded('the relay stopped while a send was under way'));
    const onAbort = (): void => void pause(STOP_GRACE_MS, over.signal).then(end);
    signal.addEventListener('abort', onAbort, { once: true, signal: over.signal });
  });
  ended.catch(() => undefined);
  try {
    await Promise.race([work, ended]);
  } finally {
    over.abort();
  }
}
