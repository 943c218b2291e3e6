// 2 decide · how a brief is made, made ready, and how its attempts are taken and given back; called by the brief handlers and TaskBriefs.
import { decimal, decimalOf, compareDecimals, formatDecimal, refuse, toIso } from '#libs/kernel';
import type { Decimal, ErasableRef, InstantMs, Refusal } from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import { GATES } from '../clip/gates.js';
import { isWhole, listErrors, STUDIO_ID_PATTERN, textErrors, wordErrors } from '../checks.js';
import type { BriefInput } from '../studio.messages.js';
import { LEVELS, type BriefFact } from './brief.facts.js';
import type { BriefState } from './brief.state.js';

export const ATTEMPT_BUDGET_MAX = 10_000;
const WORD_CHARACTERS_MAX = 100;
const TEXT_CHARACTERS_MAX = 2_000;
const LIST_ENTRIES_MAX = 50;
const ENTRY_CHARACTERS_MAX = 500;
const DURATION_SECONDS_MAX = 86_400;

/** What a brief's texts became when they were sealed; what is empty has none. */
export type BriefRefs = Partial<Record<'goal' | 'mustInclude' | 'mustAvoid', ErasableRef>>;

/** The members that are sealed, those without content left out. */
export function briefTexts({ goal, mustInclude, mustAvoid }: BriefInput): { goal: string; mustInclude?: string[]; mustAvoid?: string[] } {
  return { goal, ...(mustInclude?.length ? { mustInclude } : {}), ...(mustAvoid?.length ? { mustAvoid } : {}) };
}

/** Null where nothing is wrong with it. */
export function checkBrief(briefId: string, input: BriefInput): Refusal<'validation_failed'> | null {
  const errors: FieldError[] = [];
  if (!STUDIO_ID_PATTERN.test(briefId)) errors.push({ pointer: '/id', detail: `must match ${STUDIO_ID_PATTERN.source}` });
  errors.push(...textErrors(input.channel, '/channel', WORD_CHARACTERS_MAX), ...textErrors(input.format, '/format', WORD_CHARACTERS_MAX));
  if (durationOf(input) === null)
    errors.push({ pointer: '/durationSeconds', detail: `must be a number above 0 and up to ${DURATION_SECONDS_MAX}` });
  errors.push(...textErrors(input.goal, '/goal', TEXT_CHARACTERS_MAX));
  errors.push(...listErrors(input.mustInclude ?? [], '/mustInclude', LIST_ENTRIES_MAX, ENTRY_CHARACTERS_MAX));
  errors.push(...listErrors(input.mustAvoid ?? [], '/mustAvoid', LIST_ENTRIES_MAX, ENTRY_CHARACTERS_MAX));
  for (const member of ['riskLevel', 'consistencyRequirement'] as const)
    if (!LEVELS.includes(input[member])) errors.push({ pointer: `/${member}`, detail: `must be one of ${LEVELS.join(', ')}` });
  if (input.campaign !== undefined) errors.push(...textErrors(input.campaign, '/campaign', WORD_CHARACTERS_MAX));
  errors.push(...listErrors(input.sensitiveCategories ?? [], '/sensitiveCategories', LIST_ENTRIES_MAX, WORD_CHARACTERS_MAX));
  if (input.attemptBudget !== undefined && !isWhole(input.attemptBudget, 1, ATTEMPT_BUDGET_MAX))
    errors.push({ pointer: '/attemptBudget', detail: `must be a whole number from 1 to ${ATTEMPT_BUDGET_MAX}` });
  errors.push(...wordErrors(input.gates ?? [], GATES, '/gates'));
  return errors.length === 0 ? null : refuseFields(errors);
}

export function decideCreateBrief(
  state: BriefState,
  briefId: string,
  input: BriefInput,
  refs: BriefRefs,
  at: InstantMs,
): BriefFact[] | Refusal<'validation_failed' | 'already_exists'> {
  const refusal = checkBrief(briefId, input);
  if (refusal !== null) return refusal;
  if (state.content !== null) return refuse('already_exists', `There is a brief ${briefId} already.`);
  const { accountId = null, channel, format, riskLevel, consistencyRequirement, campaign = null, paid = false } = input;
  const { sensitiveCategories = [], attemptBudget = null, gates = [], autoReview = false } = input;
  return [
    {
      type: 'BriefCreated',
      data: {
        briefId,
        accountId,
        channel,
        format,
        durationSeconds: formatDecimal(durationOf(input) as Decimal),
        goal: refs.goal as ErasableRef,
        mustInclude: refs.mustInclude ?? null,
        mustAvoid: refs.mustAvoid ?? null,
        riskLevel,
        consistencyRequirement,
        campaign,
        paid,
        sensitiveCategories,
        attemptBudget,
        gates: GATES.filter((gate) => gates.includes(gate)),
        autoReview,
        decidedAt: toIso(at),
      },
    },
  ];
}

/** The caller has seen to it that the version renders. */
export function decideReadyBrief(
  state: BriefState,
  ready: { promptId: string; promptVersion: number; variables: ErasableRef | null },
  at: InstantMs,
): BriefFact[] | Refusal<'not_found'> {
  if (state.content === null) return noSuchBrief();
  const { briefId, accountId } = state.content;
  return [{ type: 'BriefReadied', data: { briefId, accountId, ...ready, revision: state.revision + 1, decidedAt: toIso(at) } }];
}

/** An attempt for each task that has none yet, all or none. */
export function decideTakeAttempts(
  state: BriefState,
  taskIds: readonly string[],
  at: InstantMs,
): BriefFact[] | Refusal<'not_found' | 'attempt_budget_exhausted'> {
  if (state.content === null) return noSuchBrief();
  const { briefId, attemptBudget } = state.content;
  if (attemptBudget === null) return [];
  const used = state.attempts.size;
  const taking = [...new Set(taskIds)].filter((taskId) => !state.attempts.has(taskId));
  if (used + taking.length > attemptBudget) {
    const left = attemptBudget - used;
    const detail =
      left <= 0
        ? `All ${attemptBudget} attempts of brief ${briefId} are used.`
        : `Brief ${briefId} has ${left} of its ${attemptBudget} attempts left, not ${taking.length}.`;
    return refuse('attempt_budget_exhausted', detail, { briefId, attemptBudget, attemptsUsed: used });
  }
  return taking.map((taskId, index) => ({
    type: 'BriefAttemptTaken',
    data: { briefId, taskId, used: used + index + 1, decidedAt: toIso(at) },
  }));
}

/** Of those of the tasks that have one. */
export function decideReturnAttempts(state: BriefState, taskIds: readonly string[], at: InstantMs): BriefFact[] {
  if (state.content === null) return [];
  const { briefId } = state.content;
  const used = state.attempts.size;
  return [...new Set(taskIds)]
    .filter((taskId) => state.attempts.has(taskId))
    .map((taskId, index) => ({ type: 'BriefAttemptReturned', data: { briefId, taskId, used: used - index - 1, decidedAt: toIso(at) } }));
}

export function noSuchBrief(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such brief.');
}

function durationOf({ durationSeconds }: BriefInput): Decimal | null {
  const exact = typeof durationSeconds === 'number' ? decimalOf(durationSeconds) : null;
  if (exact === null || compareDecimals(exact, decimal(0)) <= 0) return null;
  return compareDecimals(exact, decimal(DURATION_SECONDS_MAX)) > 0 ? null : exact;
}
