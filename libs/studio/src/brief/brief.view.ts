// The brief as clients see it (production.md); rendered from facts for a write's answer, from projected rows for a read.
import { invariant, type JsonObject, type JsonValue } from '#libs/kernel';
import { promptVersionId } from '../prompt/prompt.facts.js';
import type { BriefView } from '../studio.views.js';
import type { BriefState } from './brief.state.js';
import { suggestedUse } from './suggested-use.js';

/** Field → value, as opened; absent where the customer was forgotten. */
export interface BriefTexts {
  goal?: JsonValue | undefined;
  mustInclude?: JsonValue | undefined;
  mustAvoid?: JsonValue | undefined;
  variables?: JsonValue | undefined;
}

export function briefView(state: BriefState, texts: BriefTexts, position: string): BriefView {
  const { content, ready } = state;
  invariant(content !== null, 'a brief that does not exist has no view');
  return {
    id: content.briefId,
    accountId: content.accountId,
    state: ready === null ? 'draft_brief' : 'prompt_ready',
    channel: content.channel,
    format: content.format,
    durationSeconds: Number(content.durationSeconds),
    goal: typeof texts.goal === 'string' ? texts.goal : null,
    mustInclude: strings(texts.mustInclude),
    mustAvoid: strings(texts.mustAvoid),
    riskLevel: content.riskLevel,
    consistencyRequirement: content.consistencyRequirement,
    suggestedUse: suggestedUse(content.riskLevel, content.consistencyRequirement),
    campaign: content.campaign,
    paid: content.paid,
    sensitiveCategories: [...content.sensitiveCategories],
    attemptBudget: content.attemptBudget,
    attemptsUsed: state.attempts.size,
    gates: [...content.gates],
    autoReview: content.autoReview,
    promptId: ready?.promptId ?? null,
    promptVersion: ready?.promptVersion ?? null,
    promptVersionId: ready === null ? null : promptVersionId(ready.promptId, ready.promptVersion),
    variables: variablesOf(texts.variables),
    createdAt: content.decidedAt,
    revision: state.revision,
    position,
  };
}

export function strings(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

export function variablesOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
