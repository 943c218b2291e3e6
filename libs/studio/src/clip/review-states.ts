// 2 decide · the states of a review and the moves between them, as one table: the decider, the answers' possible moves and the docs' diagram are made of it.
import type { RejectionReason } from './rejection-reasons.js';

export const REVIEW_STATES = [
  'generated',
  'review_pending',
  'approved_for_edit',
  'edited',
  'brand_review',
  'approved_to_publish',
  'scheduled',
  'published',
  'rejected_quality',
  'rejected_accuracy',
  'rejected_rights_risk',
  'rejected_brand_fit',
  'needs_revision',
] as const;
export type ReviewState = (typeof REVIEW_STATES)[number];

/** What an attempt of the log can stand at beside a review: it brought no asset, or it was rejected and the log does not say at which step. */
export const LOG_STATES = ['generation_failed', 'rejected'] as const;
export type AttemptState = ReviewState | (typeof LOG_STATES)[number];

/** From each state, where a move may lead. A state without moves is final. */
export const MOVES: Readonly<Record<ReviewState, readonly ReviewState[]>> = {
  generated: ['review_pending'],
  review_pending: ['approved_for_edit', 'rejected_quality', 'rejected_accuracy', 'rejected_rights_risk'],
  approved_for_edit: ['edited'],
  edited: ['brand_review'],
  brand_review: ['approved_to_publish', 'rejected_brand_fit', 'needs_revision'],
  approved_to_publish: ['scheduled', 'published'],
  scheduled: ['published'],
  published: [],
  rejected_quality: [],
  rejected_accuracy: [],
  rejected_rights_risk: [],
  rejected_brand_fit: [],
  needs_revision: ['edited'],
};

/** usable = the clip may be published, will be, or was (production.md, The numbers). */
export const USABLE_STATES: ReadonlySet<AttemptState> = new Set(['approved_to_publish', 'scheduled', 'published']);

/** Every move into one of these says why. */
export const REASONED_STATES: ReadonlySet<AttemptState> = new Set([
  'rejected_quality',
  'rejected_accuracy',
  'rejected_rights_risk',
  'rejected_brand_fit',
  'needs_revision',
]);

/** One move of a clip, as its history shows it. */
export interface ReviewMove {
  from: ReviewState;
  to: ReviewState;
  reasons: RejectionReason[];
}
