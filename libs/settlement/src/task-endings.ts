// 5 → 2 · what a task's ending means for its reservation, purely; called by Settlements and by a cancellation that is done at once.
import { invariant, parseFraction, unreachable, type Money } from '#libs/kernel';
import type { StoredFact } from '#libs/event-store';
import type { AccountCommand, ProviderCost } from '#libs/ledger';
import { evolveTask, initialTask, isOver, type TaskFact, type TaskState } from '#libs/tasks';

export type KnownCost = Omit<ProviderCost, 'absorbed'>;
export type EndingCommand = Extract<AccountCommand, { type: 'Consume' | 'Refund' }>;

/**
 * The command that makes the ledger agree with the task's ending; null where there is no reservation to end: the task is not over, or was
 * refused. The state must not have folded a late result that came after the ending: its cost is booked by a fact of its own.
 */
export function endingCommand(task: TaskState): EndingCommand | null {
  const { taskId: reservationId } = task;
  switch (task.status) {
    case 'pending':
    case 'processing':
    case 'rejected':
      return null;
    case 'completed':
      invariant(task.deliveredFraction !== null, () => `${task.taskId} completed without a delivered fraction`);
      return { type: 'Consume', reservationId, ...deliveryOf(task.deliveredFraction, task.excess), providerCost: costsOf(task) };
    case 'failed':
    case 'timed_out':
    case 'cancelled':
      return { type: 'Refund', reservationId, reason: refundReason(task), providerCost: costsOf(task) };
    default:
      return unreachable(task.status, 'task status');
  }
}

/** A task that stands as having delivered more than all was taken under the policy of that moment, whatever it is by now: its hold must end. */
export function deliveryOf(
  deliveredFraction: string,
  excess: 'cap' | 'debt' = 'cap',
): Pick<EndingCommand & { type: 'Consume' }, 'deliveredFraction' | 'overConsumption'> {
  return { deliveredFraction, overConsumption: parseFraction(deliveredFraction) === null ? excess : undefined };
}

/** Stands in the refund's fact and in the movements: the ending, and for a failure its code. */
function refundReason(task: TaskState): string {
  return task.status === 'failed' && task.failure !== null ? `failed: ${task.failure.code}` : task.status;
}

/** Of every attempt whose verdict named a cost. */
function costsOf(task: TaskState): KnownCost[] {
  const costs: KnownCost[] = [];
  for (const { number, provider, providerJobId, cost } of task.attempts) {
    if (cost !== null) costs.push({ attempt: number, provider, providerJobId, model: task.model, cost });
  }
  return costs;
}

/** A task's whole stream, told apart at its ending. */
export interface TaskHistory {
  /** As of the ending, late results left out; as of now where the task is not over. */
  atEnding: TaskState;
  /** Everything folded. */
  now: TaskState;
  /** The stream's first fact. */
  submission: StoredFact;
  /** The fact that ended it. */
  ending: StoredFact | null;
  /** Costs of verdicts that came after the ending; those that came before it, of attempts given up, are among the ending's own. */
  lateCosts: KnownCost[];
}

/** Null for a task that does not exist. */
export function taskHistory(facts: readonly StoredFact[]): TaskHistory | null {
  const first = facts[0];
  if (first === undefined) return null;
  const now = initialTask();
  let atEnding: TaskState | null = null;
  let ending: StoredFact | null = null;
  const late: Array<{ attempt: number; cost: Money }> = [];
  for (const stored of facts) {
    const fact = stored as unknown as TaskFact;
    if (fact.type === 'LateResultArrived' && fact.data.cost !== null && isOver(now))
      late.push({ attempt: fact.data.attempt, cost: fact.data.cost });
    evolveTask(now, fact);
    if (atEnding === null && isOver(now)) {
      atEnding = structuredClone(now);
      ending = stored;
    }
  }
  const lateCosts = late.map(({ attempt, cost }): KnownCost => {
    const known = now.attempts[attempt - 1];
    invariant(known !== undefined, () => `${now.taskId} has a late result of attempt ${attempt}, which it never made`);
    return { attempt, provider: known.provider, providerJobId: known.providerJobId, model: now.model, cost };
  });
  return { atEnding: atEnding ?? now, now, submission: first, ending, lateCosts };
}
