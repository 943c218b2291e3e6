// 2 decide · what a submission is answered with, from its facts alone: the first answer and every replay of it are the same bytes.
import { refuse, type JsonObject, type JsonValue, type Refusal } from '#libs/kernel';
import type { CustomerKeys, Position, StoredFact, WriteResult } from '#libs/event-store';
import type { BriefedTask } from '#libs/studio';
import type { TaskTexts, TaskView } from '#libs/tasks';
import type { TaskInput } from './settlement.messages.js';
import type { RejectedFact, SubmittedFact } from './submission.decider.js';

/** The texts as the request says them: a replay's were compared with the recorded digests before. */
export function textsOf(input: TaskInput, briefed?: BriefedTask): TaskTexts {
  const metadata = (input.metadata as JsonValue | undefined) ?? null;
  if (briefed === undefined) return { prompt: input.prompt ?? null, metadata };
  const { prompt = null, variables = null } = { prompt: input.prompt, variables: input.variables, ...renderedTexts(input, briefed) };
  return { prompt, metadata, variables };
}

/** What is sealed with a briefed task beside what its request says. */
export function renderedTexts(input: TaskInput, { prompt, variables }: BriefedTask): { prompt?: string; variables?: JsonObject } {
  const hasDefaults = input.variables === undefined && variables !== null && Object.keys(variables).length > 0;
  return { ...(prompt !== null && { prompt }), ...(hasDefaults && { variables }) };
}

/** As the first answer said them: what was rendered for it is kept with the fact, whatever its brief says by now. */
export async function textsAgain(
  keys: Pick<CustomerKeys, 'openerFor'>,
  input: TaskInput,
  { tenant, sealed }: Pick<StoredFact, 'tenant' | 'sealed'>,
): Promise<TaskTexts> {
  if (input.promptVersionId === undefined) return textsOf(input);
  const opener = sealed === null ? null : await keys.openerFor(tenant, input.accountId);
  const kept: Record<string, JsonValue> = sealed === null || opener === null ? {} : opener.open(sealed);
  const { prompt = null, variables = null } = kept;
  return { ...textsOf(input), prompt: typeof prompt === 'string' ? prompt : null, variables };
}

/**
 * The same as `submittedTaskView` of the folded fact, written out: this is the answer of the hottest route, and folding would parse instants only to
 * print them again. A test holds the two together.
 */
export function submittedView({ data }: SubmittedFact, texts: TaskTexts, position: Position): TaskView {
  const self = `/v1/tasks/${data.taskId}`;
  return {
    id: data.taskId,
    accountId: data.accountId,
    userId: data.userId,
    model: data.model,
    status: 'pending',
    uncertain: false,
    progress: null,
    credits: { quoted: data.credits, held: data.credits, consumed: 0, refunded: 0 },
    settlement: 'open',
    attempts: [],
    assets: [],
    failure: null,
    lateResult: null,
    prompt: texts.prompt,
    briefId: data.brief?.briefId ?? null,
    promptVersionId: data.brief?.promptVersionId ?? null,
    briefRevision: data.brief?.briefRevision ?? null,
    variables: texts.variables ?? null,
    parameters: data.parameters,
    metadata: texts.metadata,
    quoteId: data.quoteId,
    priceVersion: data.priceVersion,
    deadlineAt: data.deadlineAt,
    createdAt: data.decidedAt,
    updatedAt: data.decidedAt,
    revision: 0,
    position,
    urls: { self, events: `${self}/events`, receipt: `${self}/receipt`, cancel: `${self}/cancel` },
  };
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
