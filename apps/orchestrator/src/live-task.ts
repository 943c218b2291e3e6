// 5 react · one task as this process has it in mind: enough to act on, never the truth, which is its stream.
import type { InstantMs } from '#libs/kernel';
import { tenantStream, type StoredFact } from '#libs/event-store';
import type { TaskState } from '#libs/tasks';
import type { Memory, Observation, Situation } from './reaction.decider.js';

export interface LiveTask {
  readonly taskId: string;
  readonly tenant: string;
  readonly accountId: string;
  readonly stream: string;
  readonly correlationId: string;
  /** Of the account when the task was submitted: its weight is the account's share of a provider's places. */
  readonly plan: string;
  /** The last fact that this process knows of: what it does next is because of it. */
  causationId: string;
  /** Until the submission was answered: what the job is made of. Null where it has to be read again. */
  submitted: StoredFact | null;
  /** As of the last reading; null before the first. */
  situation: Situation | null;
  memory: Memory;
  /** A copy of the task as it ended, until it is settled. */
  ended: TaskState | null;
  /** The vendor's id of the job that hints may speak of. */
  jobId: string | null;
  /** Looks at the provider since the last change. */
  looks: number;
  neverCreated: number;
  /** A hint came before the answer that it belongs to was recorded. */
  isHinted: boolean;
  /** What is to be judged, in order. */
  inbox: Observation[];
  isRunning: boolean;
  /** In line for a submission, or holding a place. */
  place: 'none' | 'waiting' | 'held';
  /** At which provider. */
  placeAt: string;
  /** The provider at which its job has one of the deployment's places: from before the submission until the verdict. */
  jobAt: string | null;
  /** When it is looked at again by itself; Infinity: when something is learnt. */
  dueAt: InstantMs;
  /** Failures of our own parts in a row. */
  troubles: number;
  /** What its row says, as of the last write that was asked for. */
  row: { timesOutAt: InstantMs; isSettled: boolean; mayExist: boolean };
  isGone: boolean;
}

export function liveTask(
  tenant: string,
  accountId: string,
  taskId: string,
  first: StoredFact,
  last: StoredFact,
  row: LiveTask['row'],
): LiveTask {
  return {
    taskId,
    tenant,
    accountId,
    stream: tenantStream('task', tenant, taskId),
    correlationId: first.correlationId,
    plan: (first.data as { plan?: string }).plan ?? '',
    causationId: last.id,
    submitted: keepable(first) ? first : null,
    situation: null,
    memory: { isSettled: row.isSettled, isLateResultSettled: false, isCalling: false, maySubmit: null, cancelAnswered: false, lookAt: 0 },
    ended: null,
    jobId: null,
    looks: 0,
    neverCreated: 0,
    isHinted: false,
    inbox: [],
    isRunning: false,
    place: 'none',
    placeAt: '',
    jobAt: null,
    dueAt: Infinity,
    troubles: 0,
    row,
    isGone: false,
  };
}

/** Long prompts are read again when their turn comes: a backlog of them would fill the memory. */
const KEPT_CHARACTERS_MAX = 4_096;

function keepable(fact: StoredFact): boolean {
  return (fact.sealed?.length ?? 0) <= KEPT_CHARACTERS_MAX;
}
