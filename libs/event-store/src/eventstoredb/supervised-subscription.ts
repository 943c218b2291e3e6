// 3 → 4, 5, 6 · follows the log for ever: opens the subscription again where it broke off, and looks itself when nothing is said.
import { setTimeout as pause } from 'node:timers/promises';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { LogPage, Position, StoredFact, SubscribeOptions } from '../event-store.port.js';
import type { Connection, ReadCall } from './connection.js';
import { backOffMs, failureOf, NoAnswer, unavailable } from './failures.js';
import { metadataOf, readEventOf, storedFactOf, type ReadEvent } from './fact-events.js';
import { logPosition, namedPosition } from './log-positions.js';
import { subscriptionRequest } from './read-requests.js';

export interface SubscriptionParts {
  connection: Connection;
  prefix: string;
  /** With the deployment's prefix. */
  prefixes: readonly string[];
  /** The last position that this process knows of. */
  head: () => Position;
  /** What stands behind the position now, read without the subscription. */
  look: (after: Position, limit: number) => Promise<LogPage>;
  learn: (position: Position) => void;
  limits: {
    idleLookMs: number;
    /** How long it is tried again without any success before the reader is told. */ subscriptionPatienceMs: number;
  };
}

const BATCH_SIZE_DEFAULT = 500;
const BACK_OFF_MIN_MS = 20;
const BACK_OFF_MAX_MS = 2_000;
/** Turns of the event loop for which a page waits for more that is already on its way. */
const LINGER_TURNS = 2;

/**
 * Every page is behind the one before: what a reopened subscription repeats is left out. The server speaks of what a filter left out only
 * now and then, and in a small log never; so in a silence, where this process knows that the log went on, it reads what there is.
 */
export async function* superviseLog(parts: SubscriptionParts, options: SubscribeOptions): AsyncGenerator<LogPage, void> {
  const { signal, batchSizeMax: limit = BATCH_SIZE_DEFAULT } = options;
  let after = options.after;
  let failures = 0;
  let lostAt: number | null = null;
  while (!isAborted(signal)) {
    const inbox = new Inbox(signal);
    try {
      inbox.open(await parts.connection.read(subscriptionRequest(logPosition(after), parts.prefixes), Infinity));
      for await (const page of pagesOf(parts, inbox, options, after, limit)) {
        failures = 0;
        lostAt = null;
        if (page.position <= after) continue;
        after = page.position;
        yield page;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      lostAt ??= performance.now();
      const isOver = failureOf(error) === 'refused' || performance.now() - lostAt > parts.limits.subscriptionPatienceMs;
      if (isOver) throw unavailable(error, 'the subscription to EventStoreDB was lost');
      await pause(backOffMs(failures, BACK_OFF_MIN_MS, BACK_OFF_MAX_MS), undefined, { signal }).catch(() => undefined);
      failures += 1;
    } finally {
      inbox.close();
    }
  }
}

async function* pagesOf(
  parts: SubscriptionParts,
  inbox: Inbox,
  options: SubscribeOptions,
  start: Position,
  limit: number,
): AsyncGenerator<LogPage, void> {
  const { signal, types } = options;
  let reached = start;
  let missed = 0;
  while (!isAborted(signal)) {
    const responses = await inbox.take(limit, parts.limits.idleLookMs);
    if (isAborted(signal)) return;
    if (responses.length === 0) {
      if (parts.head() <= reached) continue;
      const page = await parts.look(reached, limit);
      // Once it may be late; twice it is silent for good.
      missed = page.facts.length > 0 ? missed + 1 : 0;
      reached = page.position > reached ? page.position : reached;
      yield page;
      if (missed > 1) throw new NoAnswer('the subscription says nothing of what stands in the log');
      continue;
    }
    missed = 0;
    const facts: StoredFact[] = [];
    for (const response of responses) {
      const event = readEventOf(response);
      const position = event?.position ?? checkpointOf(response);
      if (position === null || position <= reached) continue;
      reached = position;
      const fact = event === null ? null : factOf(event, parts.prefix);
      if (fact !== null && (types?.includes(fact.type) ?? true)) facts.push(fact);
    }
    parts.learn(reached);
    yield { facts, position: reached, atEnd: inbox.isEmpty && reached >= parts.head() };
  }
}

function factOf(event: ReadEvent, prefix: string): StoredFact | null {
  const metadata = metadataOf(event);
  return metadata === null ? null : storedFactOf(event, metadata, prefix);
}

function checkpointOf(response: ReadResp): Position | null {
  const checkpoint = response.getCheckpoint();
  return checkpoint === undefined ? null : namedPosition(checkpoint.getCommitPosition(), checkpoint.getPreparePosition());
}

/** Asked anew each time: it changes behind the compiler's back. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Takes from the call only as much as is asked for, so that a slow reader slows the server down and not this process's memory. */
class Inbox {
  private call: ReadCall | null = null;
  private failure: unknown = null;
  private wake: (() => void) | null = null;
  private held: ReadResp | null = null;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.ring);
  }

  open(call: ReadCall): void {
    this.call = call;
    const over = (error: unknown): void => {
      this.failure ??= error;
      this.ring();
    };
    call.on('readable', this.ring);
    call.on('error', over);
    call.on('end', () => over(new NoAnswer('the subscription ended')));
    call.on('close', () => over(new NoAnswer('the subscription was closed')));
  }

  get isEmpty(): boolean {
    this.held ??= this.call?.read() as ReadResp | null;
    return this.held === null;
  }

  /** At least one response; none after the time without any. Throws when the call is over and everything was taken. */
  async take(limit: number, waitMs: number): Promise<ReadResp[]> {
    const taken: ReadResp[] = [];
    let turns = 0;
    while (taken.length < limit && !isAborted(this.signal)) {
      if (!this.isEmpty) {
        taken.push(this.held as ReadResp);
        this.held = null;
        turns = 0;
      } else if (taken.length > 0) {
        if (turns === LINGER_TURNS || this.failure !== null) break;
        turns += 1;
        await new Promise((resolve) => setImmediate(resolve));
      } else if (this.failure !== null) {
        throw this.failure as Error;
      } else if (!(await this.wait(waitMs))) {
        break;
      }
    }
    return taken;
  }

  close(): void {
    this.signal.removeEventListener('abort', this.ring);
    this.call?.cancel();
  }

  private readonly ring = (): void => this.wake?.();

  /** False when nothing came in time, or the reader wants no more. */
  private async wait(timeoutMs: number): Promise<boolean> {
    let isRung = false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.wake = () => {
        isRung = true;
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
    return isRung;
  }
}
