// 1 → 2 → 3 · what a batch answers, and how its entries are named, compared and told apart; used by Batches.
import { commandIdOf, keyDigest, newCommandId, refuse, type JsonObject, type JsonValue, type Refusal } from '#libs/kernel';
import { POSITION_START, type Position, type RequestContext, type WriteResult } from '#libs/event-store';
import type { TaskTexts, TaskView } from '#libs/tasks';
import type { BatchEntry } from './settlement.messages.js';
import { submittedView } from './submission.answers.js';
import type { SubmittedFact } from './submission.decider.js';

export interface BatchView {
  results: BatchEntry[];
}

/** Of one entry. */
export type Answer = WriteResult<TaskView>;

/** Of the whole batch, each task as it would be answered alone. */
export function togetherResult(facts: readonly SubmittedFact[], texts: readonly TaskTexts[], position: Position): WriteResult<BatchView> {
  const results = facts.map((fact, index) => ({ index, task: submittedView(fact, texts[index] as TaskTexts, position) }));
  return { ok: true, view: { results }, position, replayed: false };
}

export function batchResult(answers: readonly Answer[], from: Position): WriteResult<BatchView> {
  let position = from;
  const results = answers.map((answer, index): BatchEntry => {
    position = later(position, answer.position ?? POSITION_START);
    if (answer.ok) return { index, task: answer.view };
    const { code, detail, fields, position: recordedAt } = answer;
    return {
      index,
      problem: { refused: true, code, detail, fields: { ...fields, ...(recordedAt !== undefined && { position: recordedAt }) } },
    };
  });
  return { ok: true, view: { results }, position, replayed: false };
}

/** Gone by the next request: not an answer to keep. */
export function isTransient({ code }: Refusal): boolean {
  return code === 'overloaded' || code === 'not_ready';
}

export function later(a: Position, b: Position): Position {
  return a > b ? a : b;
}

/** The same again for the same keyed request: the i-th entry of a batch is named as its own command would be. */
export function taskIdAt({ tenant, idempotencyKey }: RequestContext, index: number): string {
  return `task_${idempotencyKey === null ? newCommandId() : commandIdOf(keyDigest(tenant, idempotencyKey, String(index)))}`;
}

/** The body as it was sent, which may hold entries that were found to be no tasks at all. */
export function withoutTexts(body: JsonObject): JsonObject {
  const { tasks } = body;
  return Array.isArray(tasks) ? { ...body, tasks: tasks.map(entryWithoutTexts) } : body;
}

function entryWithoutTexts(entry: JsonValue): JsonValue {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry;
  const { prompt: _prompt, metadata: _metadata, variables = null, ...rest } = entry;
  // That it brings variables of its own is told apart from the brief's, with which its prompt may have been rendered.
  return variables === null ? rest : { ...rest, variables: true };
}

/** A member of one entry, as it is found in the batch. */
export function ofEntry(index: number, refusal: Refusal): Refusal {
  const errors = refusal.fields?.['errors'];
  if (!Array.isArray(errors)) return refusal;
  const moved = (errors as Array<{ pointer: string; detail: string }>).map(({ pointer, detail }) => ({
    pointer: `/tasks/${index}${pointer}`,
    detail,
  }));
  return { ...refusal, fields: { ...refusal.fields, errors: moved } };
}

export function manyAccounts(index: number): Refusal<'validation_failed'> {
  const detail = 'An atomic batch is of one account.';
  return refuse('validation_failed', detail, { errors: [{ pointer: `/tasks/${index}/accountId`, detail }] });
}
