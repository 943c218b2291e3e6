// 3 append · the facts on `request-<tenant>.<command id>` that keep an answer which no other stream keeps; written by batches and late results.
import type { ErasableRef, Fact, Iso, JsonObject, Refusal } from '#libs/kernel';
import type { NewFact } from '#libs/event-store';

export interface RecordedProblem {
  code: string;
  detail: string;
  fields: JsonObject | null;
}

export type RequestFact =
  /** The whole request was refused over plan or credits: the same key gets the same answer for good. `texts` are those it sent, by place. */
  | Fact<'RequestRefused', { path: string; problem: RecordedProblem; texts: Record<string, ErasableRef>; decidedAt: Iso }>
  /** Entries of a batch whose refusal is no fact of its own: a repeated batch answers them the same. */
  | Fact<'BatchAnswered', { problems: Array<RecordedProblem & { index: number }> }>;

export const SETTLEMENT_REQUEST_FACT_VERSIONS: Readonly<Record<RequestFact['type'], number>> = { RequestRefused: 1, BatchAnswered: 1 };

export function requestNewFact(fact: RequestFact, sealed?: string): NewFact {
  return { type: fact.type, schemaVersion: SETTLEMENT_REQUEST_FACT_VERSIONS[fact.type], data: fact.data as unknown as JsonObject, sealed };
}

export function problemOf({ code, detail, fields }: Refusal): RecordedProblem {
  return { code, detail, fields: fields ?? null };
}

export function refusalOf({ code, detail, fields }: RecordedProblem): Refusal {
  return fields === null ? { refused: true, code, detail } : { refused: true, code, detail, fields };
}

/** The refusals that are answers for good; any other may be otherwise the next time. */
export function isKept(refusal: Refusal): boolean {
  return refusal.code === 'insufficient_credits' || refusal.code === 'plan_required';
}
