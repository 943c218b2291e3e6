// 3 → 4 · every read of the log: bounded in number, with a time-out of its own, tried again while the server is away for a moment.
import { setTimeout as pause } from 'node:timers/promises';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Position } from '../event-store.port.js';
import type { Connection, ReadCall } from './connection.js';
import { backOffMs, failureOf, NoAnswer, unavailable } from './failures.js';
import { readEventOf, type ReadEvent } from './fact-events.js';
import { logPosition } from './log-positions.js';
import { allRequest, streamRequest } from './read-requests.js';
import { Slots } from './slots.js';

export interface ReadLimits {
  readsAtOnceMax: number;
  readTimeoutMs: number;
  /** How long a read that fails is tried again before its caller is told. */
  patienceMs: number;
}

const BACK_OFF_MIN_MS = 20;
const BACK_OFF_MAX_MS = 300;

export class LogReader {
  private readonly slots: Slots;

  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
    private readonly limits: ReadLimits,
  ) {
    this.slots = new Slots(limits.readsAtOnceMax);
  }

  /** Forwards, from the revision on; none for a stream that does not exist. */
  forwards(stream: string, from: number, limit: number): Promise<ReadEvent[]> {
    return this.events(streamRequest({ stream: this.prefix + stream, from, isBackwards: false, limit }));
  }

  /** Backwards, from the revision (null: the last one) on. */
  backwards(stream: string, from: number | null, limit: number): Promise<ReadEvent[]> {
    return this.events(streamRequest({ stream: this.prefix + stream, from, isBackwards: true, limit }));
  }

  /** Of streams with these prefixes, behind the position; all of them where there are fewer than the limit. */
  async allAfter(after: Position, prefixes: readonly string[], limit: number): Promise<ReadEvent[]> {
    const from = logPosition(after);
    // The server's read begins with the event at the position itself.
    const events = await this.events(allRequest({ from, isBackwards: false, limit: limit + 1, prefixes: this.named(prefixes) }));
    return events.filter(({ position }) => (position as Position) > after).slice(0, limit);
  }

  /** The event at the position, whatever stream it is of. */
  async at(position: Position): Promise<ReadEvent | null> {
    const from = logPosition(position);
    if (from === null) return null;
    const [event] = await this.events(allRequest({ from, isBackwards: false, limit: 1, prefixes: [this.prefix] }));
    return event?.position === position ? event : null;
  }

  /** The last event of streams with these prefixes. */
  async last(prefixes: readonly string[]): Promise<ReadEvent | null> {
    const [event] = await this.events(allRequest({ from: null, isBackwards: true, limit: 1, prefixes: this.named(prefixes) }));
    return event ?? null;
  }

  named(prefixes: readonly string[]): string[] {
    return prefixes.map((each) => this.prefix + each);
  }

  private events(request: ReadReq): Promise<ReadEvent[]> {
    return this.slots.run(async () => {
      const until = performance.now() + this.limits.patienceMs;
      for (let failures = 0; ; failures += 1) {
        try {
          return await this.collect(request);
        } catch (error) {
          if (failureOf(error) === 'refused') throw unavailable(error, 'EventStoreDB refused a read');
          if (performance.now() >= until) throw unavailable(error);
          await pause(backOffMs(failures, BACK_OFF_MIN_MS, BACK_OFF_MAX_MS));
        }
      }
    });
  }

  private async collect(request: ReadReq): Promise<ReadEvent[]> {
    const { readTimeoutMs } = this.limits;
    const call = await this.connection.read(request, readTimeoutMs);
    const timer = setTimeout(() => giveUp(call, readTimeoutMs), readTimeoutMs);
    const events: ReadEvent[] = [];
    try {
      for await (const response of call as AsyncIterable<Parameters<typeof readEventOf>[0]>) {
        const event = readEventOf(response);
        if (event !== null) events.push(event);
      }
    } finally {
      clearTimeout(timer);
    }
    return events;
  }
}

function giveUp(call: ReadCall, afterMs: number): void {
  call.destroy(new NoAnswer(`a read was not done within ${afterMs} ms`));
  call.cancel();
}
