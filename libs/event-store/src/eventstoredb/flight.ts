// 3 append · one command on its way into EventStoreDB: what of it stands already, and what its caller will be told.
import { randomUUID } from 'node:crypto';
import type { InstantMs } from '#libs/kernel';
import type { Appended, Position, StreamAppend } from '../event-store.port.js';
import type { PendingAppend } from '../pending-append.js';
import type { EncodedEvent } from './append-channel.js';
import { encodeAppend, eventUuids, type EventMetadata } from './fact-events.js';

export interface Place {
  first: Position;
  last: Position;
  /** Of its first event, as it stands; null where it was not read back and is surely this flight's own. */
  standing: EventMetadata | null;
}

export class Flight {
  readonly writer = randomUUID();
  readonly ids: readonly string[];
  /** Its key is claimed and its other streams were looked at: its first append may be sent. */
  isReady = false;
  isSettled = false;
  /** The append that is sent next; those before it stand. */
  next = 0;
  /** Of the appends that were encoded; each stream's instants never decrease, so a later one may be later. */
  private encodedAt: InstantMs = 0;
  private readonly encoded: EncodedEvent[][] = [];
  private readonly places: Place[] = [];
  readonly whenSettled: Array<() => void> = [];

  constructor(readonly command: PendingAppend) {
    this.ids = eventUuids(command);
  }

  get appends(): readonly StreamAppend[] {
    return this.command.appends;
  }

  at(append: number): StreamAppend {
    return this.command.appends[append] as StreamAppend;
  }

  get digest(): string | null {
    return this.command.meta.keyDigest?.toString('hex') ?? null;
  }

  /** Ids made of the time are this process's own; any other command may have been written by somebody before. */
  get mayStandAlready(): boolean {
    return this.command.meta.keyDigest !== undefined || this.command.meta.commandId[12] !== '7';
  }

  /** The same bytes however often they are asked for: the instant is that of the first time. */
  encode(append: number, notBefore: InstantMs, now: InstantMs): EncodedEvent[] {
    const known = this.encoded[append];
    if (known !== undefined) return known;
    this.encodedAt = Math.max(this.encodedAt, notBefore, append === 0 ? now : 0);
    let firstIndex = 0;
    for (let before = 0; before < append; before += 1) firstIndex += this.at(before).facts.length;
    const { encodedAt: recordedAt, writer, ids } = this;
    const events = encodeAppend(this.command, { append, firstIndex, recordedAt, writer, ids });
    this.encoded[append] = events;
    return events;
  }

  get instant(): InstantMs {
    return this.encodedAt;
  }

  place(append: number, place: Place): void {
    this.places[append] = place;
  }

  get isPlaced(): boolean {
    return this.next === this.appends.length && this.appends.every((_append, index) => this.places[index] !== undefined);
  }

  /** Only once placed. */
  appended(): Appended {
    const [first] = this.places as [Place, ...Place[]];
    return {
      ok: true,
      revisions: this.appends.map(({ expectedRevision, facts }) => expectedRevision + facts.length),
      positions: this.places.map(({ last }) => last),
      firstPosition: first.first,
      position: this.places.map(({ last }) => last).reduce((a, b) => (a > b ? a : b)),
      recordedAt: Math.max(...this.places.map(({ standing }) => (standing === null ? this.encodedAt : Number(standing.recordedAt)))),
      repeated: first.standing !== null && first.standing.writer !== this.writer,
    };
  }
}
