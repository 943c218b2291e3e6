// 3 append · decides what is sent when: each stream's appends in the order of the calls, many of one stream together, many streams beside each other.
import type { Clock } from '#libs/kernel';
import { NO_STREAM, type AppendConflict, type EventStoreUnavailable, type Position } from '../event-store.port.js';
import type { PendingAppend } from '../pending-append.js';
import type { WriterObserver } from '../postgres/group-writer.js';
import type { Claims } from './claims.js';
import type { DurableAnswer, DurableAppend } from './durable-append.js';
import { unavailable } from './failures.js';
import { metadataOf, type ReadEvent } from './fact-events.js';
import { Flight, type Place } from './flight.js';
import type { LogReader } from './log-reader.js';
import type { RecordedInstants } from './recorded-instants.js';

/** One append of a command, in its stream's line. */
interface Part {
  flight: Flight;
  append: number;
}

interface Lane {
  stream: string;
  parts: Part[];
  isBusy: boolean;
  /** So many are sent one by one: together they were refused, and each must hear its own reason. */
  alone: number;
}

type Refused = AppendConflict | EventStoreUnavailable;

const ROWS_MAX = 256;

export interface LaneWriterParts {
  durable: DurableAppend;
  claims: Claims;
  reader: LogReader;
  instants: RecordedInstants;
  clock: Clock;
  observer: WriterObserver;
  onHead: (head: Position) => void;
  /** Everything up to here stood in the log before. */
  head: () => Position;
}

/**
 * A stream's lane sends the appends at its front as one, as far as they follow on each other; so one hot stream is as fast as many cool
 * ones. A command of several appends holds its place in every lane, and sends them in order: the first one is its gate.
 */
export class LaneWriter {
  private readonly lanes = new Map<string, Lane>();
  private readonly waking = new Set<Lane>();
  private open = 0;
  private whenEmpty: Array<() => void> = [];

  constructor(private readonly parts: LaneWriterParts) {}

  /** Commands that are not answered yet. */
  get queued(): number {
    return this.open;
  }

  push(command: PendingAppend): void {
    const flight = new Flight(command);
    this.open += 1;
    flight.appends.forEach(({ stream }, append) => this.lane(stream).parts.push({ flight, append }));
    if (flight.digest === null && (flight.appends.length === 1 || isNamedAfter(command))) {
      this.ready(flight);
    } else {
      void this.prepare(flight);
    }
  }

  /** Every command has been answered. */
  async drained(): Promise<void> {
    if (this.open > 0) await new Promise<void>((resolve) => this.whenEmpty.push(resolve));
  }

  /** Claims the key; and looks, before anything is written, whether the other streams are where they should be. */
  private async prepare(flight: Flight): Promise<void> {
    try {
      const { digest } = flight;
      const verdict = digest === null ? 'again' : await this.parts.claims.take(flight, digest);
      if (flight.isSettled) return;
      if (verdict === 'taken') {
        this.refuse([flight], { ok: false, conflict: 'key', stream: null });
        return;
      }
      const moved = verdict === 'fresh' ? null : await this.movedCompanion(flight);
      if (moved === null) this.ready(flight);
      else this.refuse([flight], { ok: false, conflict: 'revision', stream: moved });
    } catch (error) {
      this.refuse([flight], unavailable(error));
    }
  }

  private ready(flight: Flight): void {
    flight.isReady = true;
    this.wake(flight.at(0).stream);
  }

  private async movedCompanion(flight: Flight): Promise<string | null> {
    let index = flight.at(0).facts.length;
    for (const { stream, expectedRevision, facts } of flight.appends.slice(1)) {
      const id = flight.ids[index];
      index += facts.length;
      const [last] = await this.parts.reader.backwards(stream, null, 1);
      if ((last?.revision ?? NO_STREAM) === expectedRevision) continue;
      const [standing] = await this.parts.reader.forwards(stream, expectedRevision + 1, 1);
      if (standing?.id !== id) return stream;
    }
    return null;
  }

  /** At the end of the turn, so that what arrives together is sent together. */
  private wake(stream: string): void {
    const lane = this.lanes.get(stream);
    if (lane === undefined) return;
    if (this.waking.size === 0)
      setImmediate(() => {
        const lanes = [...this.waking];
        this.waking.clear();
        for (const each of lanes) this.run(each);
      });
    this.waking.add(lane);
  }

  private run(lane: Lane): void {
    if (lane.isBusy) return;
    const [head] = lane.parts;
    if (head === undefined) {
      if (this.lanes.get(lane.stream) === lane) this.lanes.delete(lane.stream);
      return;
    }
    if (!head.flight.isReady || head.flight.next !== head.append) return;
    lane.isBusy = true;
    void this.send(lane, groupAt(lane));
  }

  private async send(lane: Lane, group: readonly Part[]): Promise<void> {
    const { stream } = lane;
    const [{ flight: first, append }] = group as [Part];
    const startedAt = performance.now();
    const headBefore = this.parts.head();
    let answer: DurableAnswer;
    try {
      let notBefore = await this.parts.instants.of(stream, first.at(append).expectedRevision);
      const events = group.flatMap((part) => {
        const encoded = part.flight.encode(part.append, notBefore, this.parts.clock.now());
        notBefore = part.flight.instant;
        return encoded;
      });
      answer = await this.parts.durable.append(stream, first.at(append).expectedRevision, events);
      this.parts.observer.onGroup?.(events.length, performance.now() - startedAt);
    } catch (error) {
      lane.isBusy = false;
      this.refuse(
        group.map(({ flight }) => flight),
        unavailable(error),
      );
      return;
    }
    lane.isBusy = false;
    if (answer.isWritten) {
      this.landed(lane, group, answer, headBefore);
    } else if (group.length > 1) {
      lane.alone = group.length;
      this.run(lane);
    } else {
      this.parts.observer.onConflict?.();
      if (first.isSettled) this.run(lane);
      else this.refuse([first], { ok: false, conflict: 'revision', stream });
    }
  }

  private landed(lane: Lane, group: readonly Part[], answer: Extract<DurableAnswer, { isWritten: true }>, headBefore: Position): void {
    lane.parts = lane.parts.filter((part) => !group.includes(part));
    lane.alone = Math.max(0, lane.alone - 1);
    for (const { flight } of group) {
      flight.next += 1;
      if (flight.isSettled) continue;
      this.parts.instants.note(lane.stream, flight.instant);
      if (flight.next < flight.appends.length) this.wake(flight.at(flight.next).stream);
    }
    this.run(lane);
    void this.locate(lane.stream, group, answer, headBefore);
  }

  /** Learns where the facts stand and, where somebody else may have written them before, whose they are. */
  private async locate(
    stream: string,
    group: readonly Part[],
    { position, wasResent }: Extract<DurableAnswer, { isWritten: true }>,
    headBefore: Position,
  ): Promise<void> {
    const [{ flight, append }] = group as [Part];
    const { expectedRevision, facts } = flight.at(append);
    const isOwn = position !== null && position > headBefore && !wasResent;
    try {
      if (isOwn && group.length === 1 && (append > 0 || !flight.mayStandAlready)) {
        const first = append > 0 || facts.length === 1 ? position : await this.positionAt(stream, expectedRevision + 1);
        flight.place(append, { first, last: position, standing: null });
      } else {
        const rows = group.reduce((sum, part) => sum + part.flight.at(part.append).facts.length, 0);
        const events = await this.parts.reader.forwards(stream, expectedRevision + 1, rows);
        let start = 0;
        for (const part of group) {
          const { length } = part.flight.at(part.append).facts;
          part.flight.place(part.append, placeOf(events.slice(start, start + length), length));
          start += length;
        }
      }
    } catch (error) {
      this.refuse(
        group.map((part) => part.flight),
        unavailable(error),
      );
      return;
    }
    for (const part of group) if (part.flight.isPlaced && !part.flight.isSettled) this.done(part.flight);
  }

  private async positionAt(stream: string, revision: number): Promise<Position> {
    const [event] = await this.parts.reader.forwards(stream, revision, 1);
    return placeOf(event === undefined ? [] : [event], 1).first;
  }

  private done(flight: Flight): void {
    const appended = flight.appended();
    this.settle(flight);
    flight.command.settled(appended);
    this.parts.onHead(appended.position);
    this.becameIdle();
  }

  /** With them goes what waits behind them on a stream that they have not written: it was decided on facts that now will never be. */
  private refuse(among: readonly Flight[], outcome: Refused): void {
    const flights = among.filter(({ isSettled }) => !isSettled);
    const refused = flights.map((flight): [Flight, Refused] => [flight, outcome]);
    const seen = new Set(flights);
    const touched = new Set<Lane>();
    for (const [flight] of refused) {
      for (const { stream } of flight.appends.slice(flight.next)) {
        const lane = this.lanes.get(stream);
        const index = lane?.parts.findIndex((part) => part.flight === flight) ?? -1;
        if (lane === undefined || index < 0) continue;
        touched.add(lane);
        for (const { flight: behind } of lane.parts.slice(index + 1)) {
          if (seen.has(behind)) continue;
          seen.add(behind);
          refused.push([behind, outcome instanceof Error ? outcome : { ok: false, conflict: 'revision', stream }]);
        }
      }
    }
    for (const [flight] of refused) this.settle(flight);
    for (const lane of touched) lane.parts = lane.parts.filter(({ flight }) => !seen.has(flight));
    for (const [flight, told] of refused) flight.command.settled(told);
    for (const lane of touched) this.run(lane);
    this.becameIdle();
  }

  private settle(flight: Flight): void {
    flight.isSettled = true;
    this.open -= 1;
    for (const tell of flight.whenSettled) tell();
  }

  private becameIdle(): void {
    if (this.open > 0) return;
    const waiting = this.whenEmpty;
    this.whenEmpty = [];
    for (const tell of waiting) tell();
  }

  private lane(stream: string): Lane {
    const known = this.lanes.get(stream);
    if (known !== undefined) return known;
    const lane = { stream, parts: [], isBusy: false, alone: 0 };
    this.lanes.set(stream, lane);
    return lane;
  }
}

/** Its other streams carry an id that this very command just made: nothing can stand there. */
function isNamedAfter({ meta, appends }: PendingAppend): boolean {
  return (
    meta.commandId[12] === '7' &&
    appends.slice(1).every(({ stream, expectedRevision }) => expectedRevision < 0 && stream.includes(meta.commandId))
  );
}

/** From the lane's front, as far as first appends follow on each other without a hole. */
function groupAt(lane: Lane): Part[] {
  const [head, ...others] = lane.parts as [Part, ...Part[]];
  const group = [head];
  if (head.append > 0 || lane.alone > 0) return group;
  let { expectedRevision: next } = head.flight.at(0);
  next += head.flight.at(0).facts.length;
  let rows = head.flight.at(0).facts.length;
  for (const part of others) {
    const { flight, append } = part;
    const { expectedRevision, facts } = flight.at(append);
    rows += facts.length;
    if (append > 0 || !flight.isReady || expectedRevision !== next || rows > ROWS_MAX) break;
    next += facts.length;
    group.push(part);
  }
  return group;
}

function placeOf(events: readonly ReadEvent[], expected: number): Place {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined || events.length < expected) throw new Error('facts that were written cannot be read');
  return { first: first.position as Position, last: last.position as Position, standing: metadataOf(first) };
}
