// 2 decide · what a submission is answered with, from its facts alone: the first answer and every replay of it are the same bytes.
import { refuse, type JsonObject, type JsonValue, type Refusal } from '#libs/kernel';
import type { Position, WriteResult } from '#libs/event-store';
import { evolveTask, initialTask, submittedTaskView, type TaskTexts, type TaskView } from '#libs/tasks';
import type { TaskInput } from './settlement.messages.js';
import type { RejectedFact, SubmittedFact } from './submission.decider.js';

/** The texts as the request says them: a replay's were compared with the recorded digests before. */
export function textsOf(input: TaskInput): TaskTexts {
  return { prompt: input.prompt ?? null, metadata: (input.metadata as JsonValue | undefined) ?? null };
}

export function submittedView(fact: SubmittedFact, texts: TaskTexts, position: Position): TaskView {
  return submittedTaskView(evolveTask(initialTask(), fact), texts, { revision: 0, position });
}

/** 402 or 403, with the refused task's id and what the refusal was judged on. */
export function rejectionOf(data: RejectedFact['data']): Refusal {
  const { taskId, code, detail, required, available, shortfall, requiredPlan, accountPlan } = data;
  const fields: JsonObject = code === 'plan_required' ? { requiredPlan, accountPlan, taskId } : { required, available, shortfall, taskId };
  return refuse(code, detail, fields);
}

/** A refusal that stands in the log, and is answered again for good. */
export function recordedRefusal<View>(refusal: Refusal, position: Position): WriteResult<View> {
  return { ok: false, ...refusal, position, replayed: false };
}

export function unrecordedRefusal<View>(refusal: Refusal): WriteResult<View> {
  return { ok: false, ...refusal };
}

/** What the write path itself answers where it sees the difference; here it lies in what the path does not compare. */
export function reusedKey(): Refusal<'idempotency_key_reused'> {
  return refuse('idempotency_key_reused', 'This Idempotency-Key was used before for a different request.');
}
