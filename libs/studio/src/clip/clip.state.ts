// 2 decide · what a clip's facts add up to: where its review stands and everything that led there; folded by its sessions, by handlers and by read models.
import {
  addDecimals,
  decimal,
  formatDecimal,
  fromIso,
  invariant,
  parseDecimal,
  toIso,
  unreachable,
  type Decider,
  type ErasableRef,
} from '#libs/kernel';
import { loggedPromptVersion, promptVersionId } from '../prompt/prompt.facts.js';
import type { ClipFact, ImportedAttempt, MoveData } from './clip.facts.js';
import type { Gate } from './gates.js';
import type { RejectionReason } from './rejection-reasons.js';
import { REASONED_STATES, USABLE_STATES, type AttemptState, type ReviewState } from './review-states.js';

/** One entry of its history; the first is how it came to be. */
export interface ClipMove {
  at: string;
  from: ReviewState | null;
  to: AttemptState;
  reasons: RejectionReason[];
  note: ErasableRef | null;
  /** Exact decimal strings. */
  reviewMinutes: string;
  brandReviewMinutes: string;
  editingMinutes: string;
  person: string;
  gates: Gate[];
  scheduledAt: string | null;
  publishedUrl: string | null;
  /** Of its fact. */
  revision: number;
  /** Of its fact; '' where the fold was not told. */
  position: string;
}

export interface ClipPerformance {
  at: string;
  note: ErasableRef | null;
  views: number | null;
  clicks: number | null;
  spendMinor: number | null;
  person: string;
  revision: number;
}

export interface ClipState {
  clipId: string;
  taskId: string | null;
  accountId: string | null;
  briefId: string;
  promptVersionId: string | null;
  model: string;
  assetUrl: string | null;
  /** The line of the log that it was made of; null for a task's. */
  imported: ImportedAttempt | null;
  state: AttemptState;
  /** Of its last fact: what a decision must have seen. */
  revision: number;
  /** Of the last rejection or request for a revision; empty since it was approved. */
  reasons: RejectionReason[];
  /** Sums over its history, exact decimal strings. */
  reviewMinutes: string;
  brandReviewMinutes: string;
  editingMinutes: string;
  scheduledAt: string | null;
  publishedUrl: string | null;
  createdAt: string;
  history: ClipMove[];
  performance: ClipPerformance[];
}

const NOTHING_SAID = {
  reasons: [],
  note: null,
  reviewMinutes: '0',
  brandReviewMinutes: '0',
  editingMinutes: '0',
  gates: [],
  scheduledAt: null,
  publishedUrl: null,
};

/** `position`: of the fact, where the history is to be shown. */
export function evolveClip(state: ClipState | null, fact: ClipFact, position = ''): ClipState {
  if (fact.type === 'ClipGenerated') return generated(fact.data, position);
  if (fact.type === 'AttemptImported') return imported(fact.data, position);
  invariant(state !== null, () => `${fact.type} on a clip that does not exist`);
  state.revision += 1;
  switch (fact.type) {
    case 'ClipMoved':
    case 'ClipRejected':
    case 'ClipApproved':
    case 'ClipScheduled':
    case 'ClipPublished':
      return moved(state, fact.data, position);
    case 'ClipPerformanceNoted': {
      const { note, views, clicks, spendMinor, person, decidedAt } = fact.data;
      state.performance.push({ at: decidedAt, note, views, clicks, spendMinor, person, revision: state.revision });
      return state;
    }
    default:
      return unreachable(fact, 'fact of a clip');
  }
}

export const clipDecider: Decider<ClipState | null, ClipFact> = {
  category: 'clip',
  initial: () => null,
  evolve: (state, fact) => evolveClip(state, fact),
};

export function isUsable(state: AttemptState): boolean {
  return USABLE_STATES.has(state);
}

function generated(data: Extract<ClipFact, { type: 'ClipGenerated' }>['data'], position: string): ClipState {
  const { clipId, taskId, accountId, briefId, promptId, promptVersion, model, asset, decidedAt } = data;
  const birth = { ...NOTHING_SAID, at: decidedAt, from: null, to: 'generated' as const, person: MAKER, revision: 0, position };
  return {
    ...{ clipId, taskId, accountId, briefId, model },
    promptVersionId: promptId === null || promptVersion === null ? null : promptVersionId(promptId, promptVersion),
    assetUrl: asset.url,
    imported: null,
    state: 'generated',
    revision: 0,
    reasons: [],
    reviewMinutes: '0',
    brandReviewMinutes: '0',
    editingMinutes: '0',
    scheduledAt: null,
    publishedUrl: null,
    createdAt: decidedAt,
    history: [birth],
    performance: [],
  };
}

function imported(data: Extract<ClipFact, { type: 'AttemptImported' }>['data'], position: string): ClipState {
  const { clipId, attempt, person, decidedAt } = data;
  const { review_minutes: reviewMinutes, editing_minutes: editingMinutes, status, rejection_reason: reason } = attempt;
  const reasons = reason === null ? [] : [reason];
  const said = { ...NOTHING_SAID, reasons, reviewMinutes, editingMinutes };
  return {
    ...{ clipId, taskId: null, accountId: null, briefId: attempt.brief_id, model: attempt.model },
    promptVersionId: loggedPromptVersion(attempt) || null,
    assetUrl: attempt.asset_url,
    imported: attempt,
    state: status,
    revision: 0,
    reasons,
    reviewMinutes,
    brandReviewMinutes: '0',
    editingMinutes,
    scheduledAt: null,
    publishedUrl: null,
    createdAt: toIso(fromIso(attempt.created_at)),
    history: [{ ...said, at: decidedAt, from: null, to: status, person, revision: 0, position }],
    performance: [],
  };
}

function moved(state: ClipState, data: MoveData, position: string): ClipState {
  const { from, to, reasons, note, reviewMinutes, brandReviewMinutes, editingMinutes, person, gates, scheduledAt, publishedUrl } = data;
  const said = { reasons, note, reviewMinutes, brandReviewMinutes, editingMinutes, person, gates, scheduledAt, publishedUrl };
  state.history.push({ at: data.decidedAt, from, to, ...said, revision: state.revision, position });
  state.state = to;
  if (REASONED_STATES.has(to)) state.reasons = reasons;
  else if (USABLE_STATES.has(to) || to === 'approved_for_edit') state.reasons = [];
  state.reviewMinutes = sum(state.reviewMinutes, reviewMinutes);
  state.brandReviewMinutes = sum(state.brandReviewMinutes, brandReviewMinutes);
  state.editingMinutes = sum(state.editingMinutes, editingMinutes);
  state.scheduledAt = scheduledAt ?? state.scheduledAt;
  state.publishedUrl = publishedUrl ?? state.publishedUrl;
  return state;
}

/** Who is named for what the deployment does by itself. */
export const MAKER = 'orchestrator';

const SUM_LIMITS = { integerDigitsMax: 30, fractionDigitsMax: 30 };

function sum(a: string, b: string): string {
  return formatDecimal(addDecimals(parseDecimal(a, SUM_LIMITS) ?? decimal(0), parseDecimal(b, SUM_LIMITS) ?? decimal(0)));
}
