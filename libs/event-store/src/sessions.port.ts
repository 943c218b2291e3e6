// 3 append · the per-stream session: a mailbox in front of cached state, so that one hot stream is as fast as many cool ones.
import type { InstantMs, Refusal } from '#libs/kernel';
import type { CommandMeta, NewFact, Position, StoredFact, StreamAppend } from './event-store.port.js';

/** What a command decided on the state it saw. */
export type SessionDecision<Result> =
  | {
      /** Facts for this stream, at least one; written at the next revisions. */
      facts: NewFact[];
      /** Other streams written with them (a submit's tasks): their conflict is the command's, `companion_conflict`. */
      companions?: StreamAppend[];
      /** Called once the facts have been folded, before the next decision: takes from the state what the answer will need. */
      result: (place: DecidedPlace) => Result;
    }
  | { /** Nothing to write: an ending that already happened. */ unchanged: true; result: Result }
  | Refusal;

/** Known when the facts are decided; the position and the instant of record come with the append. */
export interface DecidedPlace {
  /** Of the last fact decided. */
  revision: number;
}

/** How a command on a session ended. */
export type SessionOutcome<Result> =
  | {
      kind: 'appended';
      result: Result;
      revision: number;
      firstPosition: Position;
      position: Position;
      recordedAt: InstantMs;
      repeated: boolean;
    }
  | { kind: 'unchanged'; result: Result; revision: number }
  /** Judged against the stream's head, never against a stale cache. */
  | { kind: 'refused'; refusal: Refusal; revision: number }
  | { kind: 'key_conflict' }
  | { kind: 'companion_conflict' };

/**
 * Sessions of one category. `execute` queues the command in its stream's mailbox; commands are decided in sequence on cached state, one
 * append carries what a drain decided, and each caller is answered when it is durable. A revision conflict drops the cache,
 * reloads and decides again (at most `attemptsMax` times, then EventStoreUnavailable). A decision that refuses or changes nothing is made
 * again on the stream's verified head before it is answered. `decide` may run several times and must be pure but for its arguments.
 * The state it is given is the live cache: read it, never keep or change it. Throws EventStoreUnavailable; sheds load with SessionsOverloaded.
 */
export interface Sessions<State> {
  execute<Result>(
    stream: string,
    meta: CommandMeta,
    decide: (state: State, at: InstantMs, revision: number) => SessionDecision<Result>,
  ): Promise<SessionOutcome<Result>>;
  /** The verified state at the stream's head: `read` is called synchronously with it. Revision -1: no such stream. */
  read<Result>(stream: string, read: (state: State, revision: number, at: InstantMs) => Result): Promise<Result>;
  /** The state as it stood after a revision or at an instant, from the nearest snapshot; the caller owns the copy. */
  stateAt(
    stream: string,
    until: { revision: number } | { recordedAtMax: InstantMs } | { positionMax: Position },
  ): Promise<{ state: State; revision: number; position: Position | null; recordedAt: InstantMs | null }>;
  /** Hands over facts just read from the log, so that a stream's first command needs no load. Ignored where the session knows more. */
  prime(stream: string, facts: readonly StoredFact[]): void;
  /** The caller expects no more of this stream: its state leaves memory at once, unless a command is under way. Only costs a load if it was wrong. */
  release(stream: string): void;
}

/** The mailbox limit is reached: 503 `overloaded`, nothing was decided. */
export class SessionsOverloaded extends Error {
  override readonly name = 'SessionsOverloaded';
}
