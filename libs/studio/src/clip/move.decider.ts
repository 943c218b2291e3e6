// 2 decide · whether a reviewer's move is allowed, and what it says; the one place where MOVES, reasons, gates and four eyes are enforced.
import {
  decimal,
  decimalOf,
  compareDecimals,
  formatDecimal,
  refuse,
  toIso,
  type Decimal,
  type ErasableRef,
  type InstantMs,
  type JsonObject,
  type Refusal,
} from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import type { BriefState } from '../brief/brief.state.js';
import { textErrors, wordErrors } from '../checks.js';
import { instantOf } from '../instants.js';
import type { MoveInput } from '../studio.messages.js';
import type { ClipFact, MoveData, MOVE_FACTS } from './clip.facts.js';
import type { ClipState } from './clip.state.js';
import { GATES, type Gate } from './gates.js';
import { isSamePerson } from './person.js';
import { REJECTION_REASONS } from './rejection-reasons.js';
import { MOVES, REASONED_STATES, REVIEW_STATES, type AttemptState, type ReviewState } from './review-states.js';

/** What the clip's brief demands of its review; null where the brief is not known here, so that it demands nothing. */
export interface ReviewTerms {
  gates: readonly Gate[];
  /** Who approved it in review may not approve it for publication. */
  twoPeople: boolean;
}

export type MoveRefusalCode = 'not_found' | 'validation_failed' | 'conflict' | 'forbidden';

const MINUTES_MAX = 1_000_000;
const NOTE_CHARACTERS_MAX = 2_000;
const URL_CHARACTERS_MAX = 2_048;
const MINUTES = ['reviewMinutes', 'brandReviewMinutes', 'editingMinutes'] as const;

export function reviewTerms({ content }: Pick<BriefState, 'content'>): ReviewTerms | null {
  if (content === null) return null;
  const { gates, riskLevel, paid, sensitiveCategories } = content;
  return { gates, twoPeople: riskLevel === 'high' || paid || sensitiveCategories.length > 0 };
}

/** Where a clip may go from here: a state of the log that is no step of a review leads nowhere. */
export function possibleMoves(state: AttemptState): readonly ReviewState[] {
  return isReviewState(state) ? MOVES[state] : [];
}

/** `person` decided, `note` is the sealed note. In this order: does it exist, was it seen as it is, may it go there, is all said, may this person, is all confirmed. */
export function decideMove(
  clip: ClipState | null,
  input: MoveInput,
  by: { person: string; note: ErasableRef | null; terms: ReviewTerms | null },
  at: InstantMs,
): ClipFact[] | Refusal<MoveRefusalCode> {
  if (clip === null) return noSuchClip();
  const stale = staleOrImpossible(clip, input);
  if (stale !== null) return stale;
  const invalidFields = checkMove(clip, input);
  if (invalidFields !== null) return invalidFields;
  const confirmed = GATES.filter((gate) => input.gates?.[gate] === true);
  const { person, terms } = by;
  if (terms !== null) {
    const refusal = secondPersonNeeded(clip, input.to, person, terms) ?? gatesMissing(input.to, confirmed, terms);
    if (refusal !== null) return refusal;
  }
  const { clipId, accountId, taskId, briefId } = clip;
  const scheduledAt = input.scheduledAt === undefined ? null : toIso(instantOf(input.scheduledAt) as InstantMs);
  const data: MoveData = {
    ...{ clipId, accountId, taskId, briefId },
    from: clip.state as ReviewState,
    to: input.to,
    reasons: [...new Set(input.reasons ?? [])],
    note: by.note,
    reviewMinutes: minutes(input.reviewMinutes) ?? '0',
    brandReviewMinutes: minutes(input.brandReviewMinutes) ?? '0',
    editingMinutes: minutes(input.editingMinutes) ?? '0',
    person,
    gates: confirmed,
    scheduledAt,
    publishedUrl: input.publishedUrl ?? null,
    decidedAt: toIso(at),
  };
  return [{ type: factOf(input.to), data }];
}

function factOf(to: ReviewState): (typeof MOVE_FACTS)[number] {
  if (to.startsWith('rejected_')) return 'ClipRejected';
  if (to === 'approved_to_publish') return 'ClipApproved';
  if (to === 'scheduled') return 'ClipScheduled';
  return to === 'published' ? 'ClipPublished' : 'ClipMoved';
}

function staleOrImpossible(clip: ClipState, { to, revision }: MoveInput): Refusal<'conflict'> | null {
  const possible = possibleMoves(clip.state);
  const place: JsonObject = { state: clip.state, revision: clip.revision, possibleMoves: [...possible] };
  if (revision !== clip.revision)
    return refuse('conflict', `The clip is at revision ${clip.revision}, the decision was made on ${revision}: look at it again.`, place);
  if (possible.includes(to)) return null;
  const ways = possible.length === 0 ? 'it is final' : `from there it can go to ${possible.join(', ')}`;
  return refuse('conflict', `The clip is ${clip.state} and cannot go to ${to}: ${ways}.`, place);
}

function checkMove(clip: ClipState, input: MoveInput): Refusal<'validation_failed'> | null {
  const { to, reasons = [], note = '' } = input;
  const errors: FieldError[] = wordErrors([...new Set(reasons)], REJECTION_REASONS, '/reasons');
  if (REASONED_STATES.has(to)) {
    if (reasons.length === 0) errors.push({ pointer: '/reasons', detail: `must name at least one reason for ${to}` });
    if (reasons.includes('other') && note.trim() === '') errors.push({ pointer: '/note', detail: 'must say what the reason other is' });
  } else if (reasons.length > 0) {
    errors.push({ pointer: '/reasons', detail: `are of rejections and of needs_revision, not of ${to}` });
  }
  if (note !== '') errors.push(...textErrors(note, '/note', NOTE_CHARACTERS_MAX));
  for (const member of MINUTES)
    if (input[member] !== undefined && minutes(input[member]) === null)
      errors.push({ pointer: `/${member}`, detail: `must be a number from 0 to ${MINUTES_MAX}` });
  for (const gate of Object.keys(input.gates ?? {}))
    if (!GATES.includes(gate as Gate)) errors.push({ pointer: `/gates/${gate}`, detail: `must be one of ${GATES.join(', ')}` });
  errors.push(...scheduleErrors(input), ...publicationErrors(clip, input));
  return errors.length === 0 ? null : refuseFields(errors);
}

function scheduleErrors({ to, scheduledAt }: MoveInput): FieldError[] {
  const at = '/scheduledAt';
  if (to !== 'scheduled') return scheduledAt === undefined ? [] : [{ pointer: at, detail: 'is of a move to scheduled' }];
  if (scheduledAt === undefined) return [{ pointer: at, detail: 'must say when it is to be published' }];
  return instantOf(scheduledAt) === null ? [{ pointer: at, detail: 'must be an RFC 3339 instant' }] : [];
}

function publicationErrors({ state }: ClipState, { to, publishedUrl }: MoveInput): FieldError[] {
  const at = '/publishedUrl';
  if (to !== 'published') return publishedUrl === undefined ? [] : [{ pointer: at, detail: 'is of a move to published' }];
  if (publishedUrl === undefined)
    return state === 'approved_to_publish' ? [{ pointer: at, detail: 'must say where it was published by hand' }] : [];
  const isUrl = /^https?:\/\/[^\s/]/i.test(publishedUrl) && publishedUrl.length <= URL_CHARACTERS_MAX && URL.canParse(publishedUrl);
  return isUrl ? [] : [{ pointer: at, detail: `must be an http or https URL of at most ${URL_CHARACTERS_MAX} characters` }];
}

/** Of an imported clip, whose key imported it said what its state says: that it was approved. */
function secondPersonNeeded(clip: ClipState, to: ReviewState, person: string, terms: ReviewTerms): Refusal<'forbidden'> | null {
  if (!terms.twoPeople) return null;
  const [birth] = clip.history;
  const importer = clip.imported === null || birth === undefined ? null : birth;
  const decided: string[] = [];
  if (to === 'approved_to_publish') {
    decided.push(
      ...clip.history.filter(({ from, to: next }) => from === 'review_pending' && next === 'approved_for_edit').map((each) => each.person),
    );
    if (importer !== null && PAST_REVIEW.has(importer.to)) decided.push(importer.person);
  } else if ((to === 'scheduled' || to === 'published') && importer !== null && APPROVED.has(importer.to)) {
    decided.push(importer.person);
  }
  if (!decided.some((each) => isSamePerson(each, person))) return null;
  return refuse('forbidden', 'The brief needs two people: who approved the clip before may not be the one who lets it be published.');
}

function gatesMissing(to: ReviewState, confirmed: readonly Gate[], { gates }: ReviewTerms): Refusal<'conflict'> | null {
  if (to !== 'approved_to_publish') return null;
  const missing = gates.filter((gate) => !confirmed.includes(gate));
  if (missing.length === 0) return null;
  const detail = `The brief demands that these are confirmed: ${missing.join(', ')}.`;
  return refuse('conflict', detail, { missingGates: missing, possibleMoves: [...MOVES.brand_review] });
}

/** States that a clip reaches only by an approval in review. */
const PAST_REVIEW: ReadonlySet<AttemptState> = new Set(['approved_for_edit', 'edited', 'brand_review', 'needs_revision']);
/** States that it reaches only by the final approval, and that lead on. */
const APPROVED: ReadonlySet<AttemptState> = new Set(['approved_to_publish', 'scheduled']);

/** Exact; null for what are no minutes. */
function minutes(value: number | undefined): string | null {
  const exact: Decimal | null = typeof value === 'number' ? decimalOf(value) : null;
  return exact === null || compareDecimals(exact, decimal(MINUTES_MAX)) > 0 ? null : formatDecimal(exact);
}

function isReviewState(state: AttemptState): state is ReviewState {
  return (REVIEW_STATES as readonly string[]).includes(state);
}

export function noSuchClip(): Refusal<'not_found'> {
  return refuse('not_found', 'There is no such clip.');
}
