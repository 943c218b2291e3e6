// The shape of every decider: pure functions over a state, no clock, no store, no surprise.
import type { JsonObject } from './json.js';

/** One fact as a decider states it, before the store gives it a place: the type is an explicit string, never a class name. */
export interface Fact<Type extends string = string, Data extends object = JsonObject> {
  type: Type;
  data: Data;
}

/** An expected refusal: a value, never a throw. `fields` is what the code needs (`required`, `available`, …). */
export interface Refusal<Code extends string = string> {
  refused: true;
  code: Code;
  detail: string;
  fields?: JsonObject;
}

export function refuse<Code extends string>(code: Code, detail: string, fields?: JsonObject): Refusal<Code> {
  return fields === undefined ? { refused: true, code, detail } : { refused: true, code, detail, fields };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as { refused?: unknown }).refused === true;
}

/** The command changes nothing because what it asks for already is so: a second ending, the present plan. */
export interface Unchanged {
  unchanged: true;
}
export const UNCHANGED: Unchanged = { unchanged: true };

/** What a decision comes to. */
export type Decision<F extends Fact<string, object> = Fact, Code extends string = string> = F[] | Unchanged | Refusal<Code>;

/**
 * A decider's two halves for one kind of stream. `evolve` folds **in place** and returns the same state: the session that owns the
 * state throws it away and reloads after a failed append, so a copy per fact would buy nothing (ADR 0004).
 */
export interface Decider<State, F extends Fact<string, object> = Fact> {
  /** `account`, `task`, …: the category that the stream names begin with. */
  category: string;
  initial(): State;
  evolve(state: State, fact: F): State;
}
