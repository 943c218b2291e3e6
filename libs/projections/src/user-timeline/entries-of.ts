// 4 project · decides what a user's timeline says of a fact: the task itself, the decision over it, each movement of credits. Called by project.ts.
import { unreachable, type Credits } from '#libs/kernel';
import { parseStream, type StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import type { TaskFact } from '#libs/tasks';
import { type Movement, movementsOf } from '../movements/movements-of.js';

export const TIMELINE_KINDS = ['task', 'decision', 'movement'] as const;
export type TimelineKind = (typeof TIMELINE_KINDS)[number];

/** A row without its user, who may not be known yet. */
export interface Entry {
  taskId: string;
  ordinal: number;
  position: string;
  at: number;
  kind: TimelineKind;
  accountId: string;
  type: string;
  summary: string;
  credits: Credits;
  eventId: string;
}

type Line = Pick<Entry, 'kind' | 'type' | 'summary' | 'credits'>;

/** Progress is left out, for it says nothing that the next fact does not, and where assets are kept. `accountId` is the task's. */
export function taskEntries(stored: StoredFact, accountId: string): Entry[] {
  const fact = stored as unknown as TaskFact;
  const { id: taskId } = parseStream(stored.stream);
  const line = lineOf(fact);
  if (line === null) return [];
  const task: Line = { kind: 'task', type: fact.type, ...line };
  const lines: Line[] = [task];
  if (fact.type === 'TaskRejected') {
    const { required, detail } = fact.data;
    lines.push({ kind: 'decision', type: fact.type, summary: `Refused, ${fact.data.code}: ${detail}`, credits: required });
  }
  return lines.map((each, ordinal) => entryOf(stored, accountId, taskId, ordinal, each));
}

function lineOf(fact: TaskFact): Pick<Line, 'summary' | 'credits'> | null {
  switch (fact.type) {
    case 'TaskSubmitted':
      return { summary: `A task on ${fact.data.model} for ${fact.data.credits} credits.`, credits: fact.data.credits };
    case 'TaskRejected':
      return { summary: `A task on ${fact.data.model} for ${fact.data.credits} credits was refused.`, credits: fact.data.credits };
    case 'TaskDispatched':
      return said(`Attempt ${fact.data.attempt} was sent to ${fact.data.provider}.`);
    case 'TaskAccepted':
      return said(`The provider took attempt ${fact.data.attempt} as job ${fact.data.providerJobId}.`);
    case 'TaskSubmissionUnknown':
      return said(`It is not known whether the provider has attempt ${fact.data.attempt}.`);
    case 'TaskProgressed':
    case 'TaskAssetsStored':
    case 'TaskAssetsNotStored':
      return null;
    case 'TaskAttemptFailed':
      return said(`Attempt ${fact.data.attempt} failed, ${fact.data.failure.code}.`);
    case 'TaskCompleted':
      return said(`The task completed${fact.data.deliveredFraction === '1' ? '' : `, ${fact.data.deliveredFraction} of it delivered`}.`);
    case 'TaskFailed':
      return said(`The task failed, ${fact.data.failure.code}.`);
    case 'TaskTimedOut':
      return said('The task timed out.');
    case 'TaskCancellationRequested':
      return said('A cancellation was asked for.');
    case 'TaskCancelled':
      return said('The task was cancelled.');
    case 'LateResultArrived':
      return said(`A late result arrived, ${fact.data.outcome}: ${fact.data.policy}.`);
    case 'LateResultAccepted':
      return { summary: `The late result was taken for ${fact.data.credits} credits.`, credits: fact.data.credits };
    default:
      return unreachable(fact, 'task fact');
  }
}

function said(summary: string): Pick<Line, 'summary' | 'credits'> {
  return { summary, credits: 0 };
}

/** The decisions that name a task, and the movements that they made of it; one fact can be about many tasks. */
export function accountEntries(stored: StoredFact): Entry[] {
  const fact = stored as unknown as AccountFact;
  const { id: accountId } = parseStream(stored.stream);
  const entries: Entry[] = [];
  const ordinals = new Map<string, number>();
  const add = (taskId: string, line: Line): void => {
    const ordinal = ordinals.get(taskId) ?? 0;
    ordinals.set(taskId, ordinal + 1);
    entries.push(entryOf(stored, accountId, taskId, ordinal, line));
  };
  for (const { taskId, summary, credits } of decisionsOf(fact)) add(taskId, { kind: 'decision', type: fact.type, summary, credits });
  if (entries.length === 0 && !mayMoveATask(fact)) return entries;
  const movements: Movement[] = [];
  movementsOf(stored, movements);
  for (const { taskId, type, bucket, credits, consumed } of movements) {
    if (taskId === null) continue;
    const moved = type === 'consumed' ? `${consumed} consumed` : `${credits > 0 ? '+' : ''}${credits} available`;
    add(taskId, { kind: 'movement', type, summary: `${moved}, ${bucket}.`, credits });
  }
  return entries;
}

interface Decision {
  taskId: string;
  summary: string;
  credits: Credits;
}

function decisionsOf(fact: AccountFact): Decision[] {
  switch (fact.type) {
    case 'CreditsReserved':
      return fact.data.reservations.map(({ taskId, credits }) => ({ taskId, credits, summary: `${credits} credits were held.` }));
    case 'CreditsConsumed': {
      const { taskId, consumed, held } = fact.data;
      return [{ taskId, credits: consumed, summary: `${consumed} of ${held} held credits were charged.` }];
    }
    case 'CreditsRefunded': {
      const { taskId, credits, kind, reason } = fact.data;
      const why = kind === 'goodwill' ? 'given back as goodwill' : 'given back: the task is not charged';
      return [{ taskId, credits, summary: `${credits} credits were ${why} (${reason}).` }];
    }
    case 'ProviderCostBooked':
      return [{ taskId: fact.data.taskId, credits: 0, summary: 'A cost of the provider was booked; it is not charged.' }];
    case 'DebtRecorded': {
      const { taskId, credits, cause } = fact.data;
      return taskId === null ? [] : [{ taskId, credits, summary: `${credits} credits are owed (${cause}).` }];
    }
    case 'DebtRepaid': {
      const { goodwill, credits } = fact.data;
      return goodwill === null ? [] : [{ taskId: goodwill.taskId, credits, summary: `${credits} credits are no longer owed.` }];
    }
    case 'CreditsGranted': {
      const { goodwill, credits } = fact.data;
      if (goodwill === undefined) return [];
      return [{ taskId: goodwill.taskId, credits, summary: `${credits} credits were given back as a new grant (${goodwill.reason}).` }];
    }
    default:
      return [];
  }
}

/** Consequences of a decision that stand as facts of their own beside it. */
function mayMoveATask(fact: AccountFact): boolean {
  return (fact.type === 'CreditsExpired' || fact.type === 'GrantRevoked') && fact.data.taskId !== null;
}

function entryOf({ position, recordedAt, id }: StoredFact, accountId: string, taskId: string, ordinal: number, line: Line): Entry {
  return { taskId, ordinal, position, at: recordedAt, accountId, eventId: id, ...line };
}
