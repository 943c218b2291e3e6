// 5 react · what one act on a task is made of and what it leaves behind; used by the reactions.
import type { Iso } from '#libs/kernel';
import type { NewFact } from '#libs/event-store';
import type { SubmitAnswer } from '#libs/providers';
import { isOver, TASK_FACT_VERSIONS, type TaskCommand, type TaskFact, type TaskState } from '#libs/tasks';
import { situationOf, type Next, type Observation, type Situation } from './reaction.decider.js';

/** What a session command of ours leaves behind, taken from the state right after it was folded. */
export interface Seen {
  situation: Situation;
  command: TaskCommand | null;
  refusal: string | null;
  /** A copy of the ended task, for its settlement. */
  ended: TaskState | null;
  factsWritten: number;
}

export type Call = Exclude<Extract<Next, { attempt: number }>, { do: 'doubt' }>;

/** Whoever submitted it was stopped, or may still be about to: what came of it is to be learnt from the vendor. */
export const UNANSWERED: SubmitAnswer = {
  kind: 'unknown',
  detail: 'the process that was to submit it stopped before it wrote down an answer',
};

export interface SubmittedData {
  taskId: string;
  accountId: string;
  provider: string;
  deadlineAt: Iso;
}

export function isAnswer(observation: Observation): boolean {
  return observation.kind !== 'turn' && observation.kind !== 'woken';
}

export function newFact({ type, data }: TaskFact): NewFact {
  return { type, schemaVersion: TASK_FACT_VERSIONS[type], data: data as unknown as NewFact['data'] };
}

/** Taken from the live state: what outlives this moment is copied. */
export function seenIn(state: TaskState, command: TaskCommand | null, factsWritten: number, refusal: string | null = null): Seen {
  const ended = isOver(state) ? { ...state, attempts: state.attempts.map((attempt) => ({ ...attempt })) } : null;
  return { situation: situationOf(state), command, refusal, ended, factsWritten };
}
