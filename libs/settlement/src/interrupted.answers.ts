// 2 decide · what a submission is answered with whose process ended between the hold and the task; called by submissions and batches.
import { invariant } from '#libs/kernel';
import type { CustomerKeys, StoredFact, WriteResult } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import { taskView, type TaskView } from '#libs/tasks';
import { INTERRUPTED, type Interruptions } from './interruptions.js';
import type { TaskInput } from './settlement.messages.js';
import { recordedRefusal, rejectionOf, submittedView, textsAgain } from './submission.answers.js';
import type { RejectedFact, SubmittedFact } from './submission.decider.js';
import { taskHistory } from './task-endings.js';

/** The holds of a submission, as its account's fact says them. */
export function holdsOf(
  facts: readonly StoredFact[],
): { reserved: StoredFact; taskIds: string[]; models: string[]; accountId: string } | null {
  const reserved = facts.find(({ type }) => type === 'CreditsReserved');
  if (reserved === undefined) return null;
  const { reservations } = reserved.data as unknown as Extract<AccountFact, { type: 'CreditsReserved' }>['data'];
  return {
    reserved,
    taskIds: reservations.map(({ taskId }) => taskId),
    models: reservations.map(({ model }) => model),
    accountId: reserved.stream.slice(reserved.stream.indexOf('.') + 1),
  };
}

/** As whoever opened the task's stream left it: the submission after all, a healer, or another decision under the same key. */
export async function interruptedAnswer(
  { interruptions, keys }: { interruptions: Interruptions; keys: Pick<CustomerKeys, 'openerFor'> },
  tenant: string,
  taskId: string,
  input: TaskInput,
): Promise<WriteResult<TaskView>> {
  const facts = await interruptions.taskOf(tenant, taskId);
  const [first, second] = facts as [StoredFact, StoredFact | undefined];
  if (first.type === 'TaskRejected') return recordedRefusal(rejectionOf(first.data as unknown as RejectedFact['data']), first.position);
  invariant(first.type === 'TaskSubmitted', () => `${first.stream} begins with ${first.type}`);
  const isFailed = second?.type === 'TaskFailed' && (second.data['failure'] as { code?: unknown }).code === INTERRUPTED.code;
  if (!isFailed) {
    const fact = { type: first.type, data: first.data } as unknown as SubmittedFact;
    const view = submittedView(fact, await textsAgain(keys, input, first), first.position);
    return { ok: true, view, position: first.position, replayed: false };
  }
  const { now } = taskHistory([first, second]) as NonNullable<ReturnType<typeof taskHistory>>;
  const figures = { held: 0, consumed: 0, refunded: now.credits, settlement: 'refunded' } as const;
  const { revision, position } = second;
  const view = taskView(now, figures, { prompt: null, metadata: null }, { revision, position });
  return { ok: true, view, position, replayed: false };
}
