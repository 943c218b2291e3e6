// query · the figures of a set of attempts that have their slices in common: what a report is summed from, in whatever fineness they come.
import type { RejectionReason } from '../clip/rejection-reasons.js';
import type { AttemptState } from '../clip/review-states.js';

/** All that a report can be sliced by. Null stands for: not told apart in this cell, or the brief is not known here. */
export interface CellKey {
  briefId: string | null;
  campaign: string | null;
  channel: string | null;
  format: string | null;
  model: string | null;
  /** `<prompt id>@v<n>`; '' for an attempt without a prompt version. */
  promptVersion: string | null;
  /** ISO week of its creation in UTC, `2026-W21`. */
  week: string | null;
}

/** Sums are exact decimal strings; minutes in minutes, money in minor units (of an imported log also fractions of them). */
export interface AttemptCell extends CellKey {
  state: AttemptState;
  /** Sorted; of the last rejection or request for a revision. */
  reasons: readonly RejectionReason[];
  /** Attempts in the cell. */
  generations: number;
  reviewMinutes: string;
  brandReviewMinutes: string;
  editingMinutes: string;
  creditsUsed: string;
  /** Of `creditsUsed`, those drawn from grants without a cost basis; 0 for imported attempts. */
  unpricedCredits: string;
  /** Currency → minor units. An imported attempt's cost stands under both. */
  ledgerCost: Readonly<Record<string, string>>;
  providerCost: Readonly<Record<string, string>>;
}
