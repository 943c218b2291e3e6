// 1 → 3 · how every write handler runs a request's command: sealed, hashed, and for good the same outcome under the same idempotency key.
import type { ErasableRef, InstantMs, JsonObject, JsonValue, Refusal } from '#libs/kernel';
import type { CommandMeta, Position, StoredFact } from '../event-store.port.js';
import type { RequestContext, WriteResult } from '../request-context.js';

/** What a handler's `execute` is given: the meta that its facts must carry, and the request's erasable texts ready for them. */
export interface PreparedCommand {
  /** Made by `commandMeta`: hand it unchanged to Sessions.execute or EventStore.append. */
  meta: CommandMeta;
  /** Field → what stands in `data` for it; only the fields that had a value, those derived included. */
  refs: Readonly<Record<string, ErasableRef>>;
  /** For the one fact that carries the refs: `{...fact, sealed}`. Undefined when nothing was erasable. */
  sealed: string | undefined;
}

/** A keyed command as the log has it: the first fact carries the key's digest, the others stand side by side behind it. */
export interface RecordedCommand {
  /** All facts of the command, of every stream that it wrote, in log order. */
  facts: readonly StoredFact[];
  /** Of its last fact: what the first answer said. */
  position: Position;
  recordedAt: InstantMs;
  /**
   * The revision that the answer was made at: of the command's last fact on the stream, or the stream's head when the command
   * changed nothing (see {@link Executed}). Null when the command has nothing to do with the stream.
   */
  revisionOn(stream: string): number | null;
}

/** What Sessions answers as `key_conflict` and EventStore.append as conflict `key`: another process was faster under the same key. */
export const KEY_CONFLICT = Symbol('key conflict');

/**
 * How an `execute` ends:
 * - a WriteResult: answered as it is. `ok: true` must have written facts under `meta`; a refusal is kept only if it wrote facts;
 * - KEY_CONFLICT: the facts of the other command are looked up and replayed;
 * - `unchanged`: a success that wrote nothing (the present plan again). Under a key it is recorded as a RequestClaimed fact that names the
 *   stream and the revision it was judged at, so that a replay answers the same.
 */
export type Executed<View> =
  WriteResult<View> | typeof KEY_CONFLICT | { unchanged: { stream: string; revision: number }; result: WriteResult<View> };

export interface KeyedCommand<View> {
  /**
   * Top-level members of the request's body that a person may ask us to forget, and the account whose key seals them. They are sealed
   * before `execute` and left out of the request's hash but for their digests.
   */
  erasable?: { accountId: string; values: Readonly<Record<string, JsonValue | undefined>> } | null;
  /**
   * Erasable texts that follow from the request and are no members of its body: sealed with those of `erasable`, which must be given, but no
   * part of the hash, nor compared in a replay. Asked only where the command is going to be executed, so that a replay never depends on
   * what they are made from today. A refusal is the command's.
   */
  derive?(): Promise<Readonly<Record<string, JsonValue | undefined>> | Refusal>;
  /** One entry of a batch: its own key, SHA-256(tenant ‖ 0 ‖ key ‖ 0 ‖ part), and its own command id. */
  part?: string;
  /** What the request hash is taken over in place of `context.body`: one entry of a batch, or a batch without its texts. */
  body?: JsonObject;
  execute(prepared: PreparedCommand): Promise<Executed<View>>;
  /** Renders the first answer again, from the facts and `Sessions.stateAt(stream, {revision})`. `replayed` is set by the caller. */
  replay(recorded: RecordedCommand): Promise<WriteResult<View>>;
  /**
   * Instead of `replay` where the command's later streams were not written, which only a store can bring about that does not write them as
   * one: under way still, or cut off by a crash. Compares itself what can be compared. Absent: the request is told to come again.
   */
  interrupted?(recorded: RecordedCommand): Promise<WriteResult<View>>;
}

/**
 * Injected as KEYED_COMMANDS. Without an idempotency key: seals, hashes, executes. With one: looks the key up in the log first (all requests of
 * a tick in one query); replays when it stands there with the same request hash; refuses `idempotency_key_reused` when the hash
 * differs or can no longer be checked; else executes. Identical keys at the same time in this process run one after the other, so the later ones
 * replay. Throws EventStoreUnavailable.
 */
export interface KeyedCommands {
  run<View>(context: RequestContext, command: KeyedCommand<View>): Promise<WriteResult<View>>;
}
