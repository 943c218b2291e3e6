// 2 decide · every fact of a clip's stream: how it came to be, each move of its review, and how it did once it was out.
import type { ErasableRef, Fact, Iso } from '#libs/kernel';
import type { AttemptState, ReviewState } from './review-states.js';
import type { Gate } from './gates.js';
import type { RejectionReason } from './rejection-reasons.js';

/** One line of the log as it was imported: the article's fields, numbers as exact decimal strings. */
export interface ImportedAttempt {
  id: string;
  brief_id: string;
  /** '' with '' as version: generated without a prompt of its own. */
  prompt_id: string;
  /** As written, `v2`. */
  prompt_version: string;
  model: string;
  /** Null where none was said: a generation that failed has none. */
  duration_seconds: string | null;
  credits_used: string;
  generation_cost_usd: string;
  asset_url: string | null;
  status: AttemptState;
  rejection_reason: RejectionReason | null;
  review_minutes: string;
  editing_minutes: string;
  published: boolean;
  /** As written. */
  created_at: Iso;
}

export interface MoveData {
  clipId: string;
  /** The account whose key seals the note; null: the tenant's own. */
  accountId: string | null;
  /** Null for an imported clip. */
  taskId: string | null;
  briefId: string;
  from: ReviewState;
  to: ReviewState;
  /** At least one where the move is a rejection or asks for a revision. */
  reasons: RejectionReason[];
  note: ErasableRef | null;
  /** Exact decimal strings, "0" where none were said. */
  reviewMinutes: string;
  brandReviewMinutes: string;
  editingMinutes: string;
  /** Who decided: the API key's id, or `reviewer:<name>` where one key serves many people. */
  person: string;
  /** Confirmed with this move. */
  gates: Gate[];
  scheduledAt: Iso | null;
  publishedUrl: string | null;
  decidedAt: Iso;
}

export type ClipFact =
  /** A task with a brief completed. The clip's id follows from the task's: `clip_<hex>` of `task_<hex>`. */
  | Fact<
      'ClipGenerated',
      {
        clipId: string;
        taskId: string;
        accountId: string;
        briefId: string;
        briefRevision: number;
        promptId: string | null;
        promptVersion: number | null;
        model: string;
        asset: { url: string; mediaType: string; durationSeconds: string | null };
        decidedAt: Iso;
      }
    >
  /** A record from elsewhere, at the state that it had there. */
  | Fact<'AttemptImported', { clipId: string; attempt: ImportedAttempt; /** Whose key imported it. */ person: string; decidedAt: Iso }>
  /** A move that neither rejects nor approves, schedules or publishes. */
  | Fact<'ClipMoved', MoveData>
  /** A move to rejected_…  */
  | Fact<'ClipRejected', MoveData>
  /** To approved_to_publish. */
  | Fact<'ClipApproved', MoveData>
  | Fact<'ClipScheduled', MoveData>
  | Fact<'ClipPublished', MoveData>
  | Fact<
      'ClipPerformanceNoted',
      {
        clipId: string;
        accountId: string | null;
        note: ErasableRef | null;
        views: number | null;
        clicks: number | null;
        spendMinor: number | null;
        person: string;
        decidedAt: Iso;
      }
    >;

export const CLIP_FACT_VERSIONS: Readonly<Record<ClipFact['type'], number>> = {
  ClipGenerated: 1,
  AttemptImported: 1,
  ClipMoved: 1,
  ClipRejected: 1,
  ClipApproved: 1,
  ClipScheduled: 1,
  ClipPublished: 1,
  ClipPerformanceNoted: 1,
};

/** The facts that are one move each. */
export const MOVE_FACTS = ['ClipMoved', 'ClipRejected', 'ClipApproved', 'ClipScheduled', 'ClipPublished'] as const;

/** Of a task that completed. */
export function clipIdOf(taskId: string): string {
  return `clip_${taskId.replace(/^task_/, '')}`;
}
