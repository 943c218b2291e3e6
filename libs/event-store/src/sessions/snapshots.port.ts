// Where sessions keep a stream's state as of a revision: a snapshot changes what a load costs, never what it means.
import type { InstantMs, JsonValue } from '#libs/kernel';
import type { Position } from '../event-store.port.js';

/** How a state becomes JSON and back; given by the context that owns it. A state of another version is not read. */
export interface SnapshotCodec<State> {
  version: number;
  encode(state: State): JsonValue;
  decode(json: JsonValue): State;
  /** How many parts the state has: a snapshot is due after that many facts at the earliest, so that its cost a fact stays flat. */
  weight?(state: State): number;
}

export interface Snapshot {
  stream: string;
  version: number;
  /** Of the last fact folded, as are position and instant. */
  revision: number;
  position: Position;
  recordedAt: InstantMs;
  /** JSON text. */
  state: string;
}

/** Inclusive bounds of a look into the past. */
export type Until = { revision: number } | { recordedAtMax: InstantMs } | { positionMax: Position };

export interface Snapshots {
  /** The newest of each stream, for streams that have one. */
  latest(streams: readonly string[], version: number): Promise<Map<string, Snapshot>>;
  /** The newest within the bound. */
  before(stream: string, version: number, until: Until): Promise<Snapshot | null>;
  /** Again for the same stream, version and revision: nothing happens. */
  save(snapshot: Snapshot): Promise<void>;
}

/** Whether a fact or a snapshot at this place lies within the bound. */
export function isWithin(place: { revision: number; recordedAt: InstantMs; position: Position }, until: Until): boolean {
  if ('revision' in until) return place.revision <= until.revision;
  if ('recordedAtMax' in until) return place.recordedAt <= until.recordedAtMax;
  return place.position <= until.positionMax;
}
