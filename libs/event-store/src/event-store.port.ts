// 3 append · the one way to write and read facts; every adapter passes the contract suite beside this file.
import type { InstantMs, JsonObject } from '#libs/kernel';

/**
 * Opaque, of one width in one log, ordered bytewise: text comparison is log order. Holes are normal; never infer completeness from them.
 * Every position sorts after {@link POSITION_START}.
 */
export type Position = string;

/** Before the first fact of any log. */
export const POSITION_START: Position = '0000000000000000';

/** The expected revision of a stream that does not exist yet; the first fact has revision 0. */
export const NO_STREAM = -1;

/** A fact as a command states it. `data` holds safe integers, strings, booleans, null, lists and objects of these; never a fraction. */
export interface NewFact {
  type: string;
  schemaVersion: number;
  data: JsonObject;
  /**
   * The ciphertext of the erasable texts whose digests stand in `data` as `{"$erasable": …}` (see sealing.ts): it travels with the
   * fact, outside the hashed leaf. Base64url.
   */
  sealed?: string;
}

export interface StreamAppend {
  stream: string;
  /** Exact; {@link NO_STREAM} for a new stream. There is no "any". */
  expectedRevision: number;
  /** At least one. */
  facts: NewFact[];
}

/** Who caused a command and on whose behalf; stands in every fact of it. */
export interface CommandMeta {
  /** 32 hex digits: event ids follow from it, so an append repeated after an ambiguous error is recognised. */
  commandId: string;
  tenant: string;
  /** An API key's id, or a process's name. */
  actor: string;
  correlationId: string;
  causationId: string | null;
  /** Hex SHA-256 of the request that caused it; null for what no request caused. */
  requestHash: string | null;
  /** SHA-256(tenant ‖ 0 ‖ key) of a keyed command: stands on its first fact, unique for good. */
  keyDigest?: Buffer;
}

/**
 * One command's facts: written together or not at all, also over two streams where {@link EventStore.atomicAcrossStreams}. Elsewhere its
 * appends are written one after the other in this order, each whole: the first one is the gate, and a crash can come behind it.
 */
export interface CommandAppend {
  meta: CommandMeta;
  appends: StreamAppend[];
}

export interface Appended {
  ok: true;
  /** One per append, in order: the revision of its last fact. */
  revisions: number[];
  /** One per append, in order: the position of its last fact. */
  positions: Position[];
  /** Of the first fact of the command; where streams are written as one, its facts stand side by side from there on, in the order given. */
  firstPosition: Position;
  /** Of the last fact of the command. */
  position: Position;
  /** Given by the store; never decreases within a stream, nor with the position where {@link EventStore.instantsFollowPositions}. */
  recordedAt: InstantMs;
  /** True when the identical command stood there already: its facts were not written twice. */
  repeated: boolean;
}

export interface AppendConflict {
  ok: false;
  /**
   * `revision`: a stream has moved on. `key`: the key's digest stands on another command's fact. Nothing was written; but where streams
   * are not written as one and a later one of the command was stale, the appends before it stand.
   */
  conflict: 'revision' | 'key';
  /** The stream whose revision was stale; null for `key`. */
  stream: string | null;
}

export type AppendResult = Appended | AppendConflict;

/** A fact as it stands in the log. */
export interface StoredFact {
  id: string;
  type: string;
  schemaVersion: number;
  stream: string;
  revision: number;
  position: Position;
  recordedAt: InstantMs;
  tenant: string;
  actor: string;
  correlationId: string;
  causationId: string | null;
  requestHash: string | null;
  data: JsonObject;
  sealed: string | null;
}

export interface ReadOptions {
  /** Inclusive; default 0 forwards, the last one backwards. */
  fromRevision?: number;
  direction?: 'forwards' | 'backwards';
  limit?: number;
}

export interface LogFilter {
  /** Stream name prefixes (`account-`); none means all. */
  streamPrefixes?: readonly string[];
  /** Event types; none means all. */
  types?: readonly string[];
}

export interface ReadAllOptions extends LogFilter {
  /** Exclusive. */
  after: Position;
  limit: number;
}

/** What {@link EventStore.readAll} answers. */
export interface LogPage {
  facts: StoredFact[];
  /** Everything up to here, matched by the filter or not, has been seen: resume from it. */
  position: Position;
  /** Whether the log's end, as of the read, was reached. */
  atEnd: boolean;
}

export interface CommandFacts {
  facts: StoredFact[];
  /** False only where streams are not written as one: a later append of the command is under way, or never came behind a crash. */
  isWhole: boolean;
}

export interface SubscribeOptions extends LogFilter {
  after: Position;
  batchSizeMax?: number;
  signal: AbortSignal;
}

/** The store cannot be reached, or its answer was lost and could not be learnt: nothing is known to have been written. */
export class EventStoreUnavailable extends Error {
  override readonly name = 'EventStoreUnavailable';
}

/**
 * Appends to one stream are written one after the other in the order of the calls; when one is refused or fails, those that wait behind
 * it on one of its streams are refused with it, because they were decided on facts that never came to be. So a caller may decide ahead
 * of what is durable.
 */
export interface EventStore {
  /** Whether one command's appends to two streams are one transaction. */
  readonly atomicAcrossStreams: boolean;
  /** Whether instants of record never decrease with the position; within one stream they never do. */
  readonly instantsFollowPositions: boolean;
  /** Throws {@link EventStoreUnavailable}. */
  append(command: CommandAppend): Promise<AppendResult>;
  /**
   * The same, for a caller that decides ahead: `settled` is called once, synchronously in the moment the outcome is learnt, so that
   * nothing more is decided on facts that were refused. It must not throw.
   */
  submit(command: CommandAppend, settled: (outcome: AppendResult | EventStoreUnavailable) => void): void;
  /** An empty list for a stream that does not exist. */
  readStream(stream: string, options?: ReadOptions): Promise<StoredFact[]>;
  /** Many short streams in one round trip, each from the revision named (default 0) and up to the limit; a stream that does not exist has an empty list. */
  readStreams(
    streams: readonly string[],
    options?: { fromRevisions?: ReadonlyMap<string, number>; limitPerStream?: number },
  ): Promise<Map<string, StoredFact[]>>;
  readAt(position: Position): Promise<StoredFact | null>;
  readAll(options: ReadAllOptions): Promise<LogPage>;
  /** Ordered, without a gap, in batches, for ever: yields also an empty page when only unmatched facts passed by. Ends on abort; throws when the store is lost. */
  subscribe(options: SubscribeOptions): AsyncIterable<LogPage>;
  /** Every fact at or before it is readable. */
  head(): Promise<Position>;
  /** The last revision of each stream; {@link NO_STREAM} where there is none. */
  headsOf(streams: readonly string[]): Promise<Map<string, number>>;
  /** The facts that carry these key digests (hex → fact), the record of idempotency. */
  findByKeyDigests(digests: readonly Buffer[]): Promise<Map<string, StoredFact>>;
  /** All facts of the command whose first fact this is, of every stream that it wrote, in the order in which it wrote them. */
  factsOfCommand(first: StoredFact): Promise<CommandFacts>;
  /** Called with the new head whenever this process learns of facts, its own or another's; a wake-up, never a promise of completeness. */
  onAppended(listener: (head: Position) => void): () => void;
  close(): Promise<void>;
}
