// The studio as clients see it (production.md): rendered from facts for a write's answer, from projected rows for a read.
import type { Iso, JsonObject, Money } from '#libs/kernel';
import type { Level } from './brief/brief.facts.js';
import type { Gate } from './clip/gates.js';
import type { RejectionReason } from './clip/rejection-reasons.js';
import type { AttemptState, ReviewState } from './clip/review-states.js';

export interface BriefView {
  id: string;
  accountId: string | null;
  state: 'draft_brief' | 'prompt_ready';
  channel: string;
  format: string;
  durationSeconds: number;
  /** Null where the customer was forgotten. */
  goal: string | null;
  mustInclude: string[];
  mustAvoid: string[];
  riskLevel: Level;
  consistencyRequirement: Level;
  suggestedUse: string;
  campaign: string | null;
  paid: boolean;
  sensitiveCategories: string[];
  attemptBudget: number | null;
  /** Of the budget; 0 where there is none. */
  attemptsUsed: number;
  gates: Gate[];
  autoReview: boolean;
  promptId: string | null;
  promptVersion: number | null;
  promptVersionId: string | null;
  variables: JsonObject;
  createdAt: Iso;
  /** Of its content, from 0; attempts do not count. */
  revision: number;
  position: string;
}

export interface PromptVersionView {
  promptId: string;
  version: number;
  /** `promptVersionId` of a task. */
  id: string;
  template: string | null;
  variables: string[];
  createdAt: Iso;
  position: string;
}

export interface PromptView {
  id: string;
  /** The same. */
  promptId: string;
  name: string | null;
  /** The newest. */
  version: number;
  promptVersionId: string;
  template: string | null;
  variables: string[];
  labels: Record<string, number>;
  versions: Array<Omit<PromptVersionView, 'position'>>;
  createdAt: Iso;
  position: string;
}

export interface RenderView {
  text: string;
  promptId: string;
  version: number;
  /** Null without a brief. */
  briefRevision: number | null;
}

export interface ClipMoveView {
  at: Iso;
  from: ReviewState | null;
  to: AttemptState;
  reasons: RejectionReason[];
  note: string | null;
  reviewMinutes: number;
  brandReviewMinutes: number;
  editingMinutes: number;
  /** An API key's id, or the reviewer's name. */
  person: string;
  gates: Gate[];
  scheduledAt: Iso | null;
  publishedUrl: string | null;
  revision: number;
  position: string;
}

export interface ClipView {
  id: string;
  taskId: string | null;
  accountId: string | null;
  briefId: string;
  promptVersionId: string | null;
  model: string;
  assetUrl: string | null;
  state: AttemptState;
  revision: number;
  /** Of its last rejection or request for a revision; empty since it was approved. */
  reasons: RejectionReason[];
  /** Sums over its history. */
  reviewMinutes: number;
  brandReviewMinutes: number;
  editingMinutes: number;
  /** By the ledger: consumed net of goodwill; of an imported one as its log says. */
  creditsUsed: number;
  /** By the ledger, through the cost basis of the grants that were drawn; null without one, or with several currencies (see `generationCosts`). */
  generationCost: Money | null;
  generationCosts: Money[];
  scheduledAt: Iso | null;
  publishedUrl: string | null;
  performance: Array<{
    at: Iso;
    note: string | null;
    views: number | null;
    clicks: number | null;
    spendMinor: number | null;
    person: string;
  }>;
  possibleMoves: ReviewState[];
  createdAt: Iso;
  history: ClipMoveView[];
  position: string;
}

/** What only the read model knows of a clip: laid over a write's answer at the edge. */
export type ClipFigures = Pick<ClipView, 'assetUrl' | 'creditsUsed' | 'generationCost' | 'generationCosts'>;

export interface BenchmarkView {
  name: string;
  costPerUsableClip: Money;
  qualityBar: { usableRate: string };
  updatedAt: Iso;
  position: string;
}
