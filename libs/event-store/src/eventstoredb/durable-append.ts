// 3 append · one append until its answer is known: the identical one again after an ambiguous error, a new decision only after a wrong expected version.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { EventStoreUnavailable, NO_STREAM, type Position } from '../event-store.port.js';
import type { AppendChannel, EncodedEvent } from './append-channel.js';
import { backOffMs, failureOf, unavailable } from './failures.js';
import type { LogReader } from './log-reader.js';
import { Slots } from './slots.js';

export interface AppendLimits {
  appendsAtOnceMax: number;
  /** How long an answer that was lost is asked for again before its callers are told so. */
  ambiguousMaxMs: number;
}

export type DurableAnswer =
  | {
      isWritten: true;
      position: Position | null;
      /** It was sent more than once: who wrote it is not known from the answer. */ wasResent: boolean;
    }
  | { isWritten: false };

/** Where every process says at its start that it can write; hidden from all readers. */
export const WARM_UP_STREAM = 'internal-warmup';
const BACK_OFF_MIN_MS = 20;
const BACK_OFF_MAX_MS = 300;
/** After this long without an answer of any kind, a command that was never sent is tried once and no more. */
const DOWN_AFTER_MS = 1_000;
const WARM_UP_ATTEMPTS_MAX = 10;

export class DurableAppend {
  private readonly slots: Slots;
  private warmUp: Promise<void> | null = null;
  private failingSince: number | null = null;

  constructor(
    private readonly channel: AppendChannel,
    private readonly reader: LogReader,
    private readonly prefix: string,
    private readonly limits: AppendLimits,
  ) {
    this.slots = new Slots(limits.appendsAtOnceMax);
  }

  /** Throws EventStoreUnavailable. The stream is named without the prefix. */
  async append(stream: string, expectedRevision: number, events: readonly EncodedEvent[]): Promise<DurableAnswer> {
    await this.warm();
    return this.slots.run(() => this.send(stream, expectedRevision, events));
  }

  private async send(stream: string, expectedRevision: number, events: readonly EncodedEvent[]): Promise<DurableAnswer> {
    const startedAt = performance.now();
    const isDown = this.failingSince !== null && startedAt - this.failingSince > DOWN_AFTER_MS;
    const until = isDown ? startedAt : startedAt + this.limits.ambiguousMaxMs;
    for (let failures = 0; ; failures += 1) {
      try {
        const answer = await this.channel.append(this.prefix + stream, expectedRevision, events);
        this.failingSince = null;
        return answer.isWritten ? { ...answer, wasResent: failures > 0 } : answer;
      } catch (error) {
        const failure = failureOf(error);
        if (failure === 'refused') throw unavailable(error, 'EventStoreDB refused an append');
        this.failingSince ??= performance.now();
        if (performance.now() >= until) throw unavailable(error);
        await pause(backOffMs(failures, BACK_OFF_MIN_MS, BACK_OFF_MAX_MS));
      }
    }
  }

  /**
   * The first append of a process goes alone: many at once on a connection that is just being made were seen to hang, and a server that
   * does not say where events stand, which everything here needs, is found out at once.
   */
  private warm(): Promise<void> {
    this.warmUp ??= this.writeFirst().catch((error: unknown) => {
      this.warmUp = null;
      throw error;
    });
    return this.warmUp;
  }

  private async writeFirst(): Promise<void> {
    for (let attempt = 0; attempt < WARM_UP_ATTEMPTS_MAX; attempt += 1) {
      const [last] = await this.reader.backwards(WARM_UP_STREAM, null, 1);
      const event = { id: randomUUID(), type: 'ProcessStarted', data: '{}', metadata: '{}' };
      const answer = await this.send(WARM_UP_STREAM, last?.revision ?? NO_STREAM, [event]);
      if (!answer.isWritten) continue;
      const [written] = await this.reader.backwards(WARM_UP_STREAM, null, 1);
      if (written === undefined || written.position === null)
        throw new EventStoreUnavailable('EventStoreDB does not say where events stand: it must be 22.10 or newer');
      return;
    }
    // Others kept writing theirs: the connection is warm all the same.
  }
}
