// query · what the API asks of the studio's read models; answered by libs/projections.
import type { InstantMs } from '#libs/kernel';
import type { AttemptCell } from './attempts/attempt-cell.js';
import type { AttemptState, ReviewState } from './clip/review-states.js';
import type { ReportGroup } from './report/report.types.js';
import type { BenchmarkView, BriefView, ClipFigures, ClipView, PromptView } from './studio.views.js';

/** `accounts`: what the caller's key may see; null is everything of the tenant. A bound key sees what is of its accounts, and nothing that is of none. */
export interface StudioVisibility {
  tenant: string;
  accounts: readonly string[] | null;
}

export interface StudioPage<Row> {
  data: Row[];
  nextCursor: string | null;
}

export interface StudioPageQuery {
  /** 1…200 */
  limit: number;
  cursor: string | null;
}

/** Which attempts: a report's, and those that are exported. Instants are of their creation. */
export interface AttemptFilter {
  briefId?: string;
  campaign?: string;
  channel?: string;
  format?: string;
  model?: string;
  /** `<prompt id>@v<n>`, or `v<n>` of any prompt. */
  promptVersion?: string;
  /** Inclusive. */
  from?: InstantMs;
  /** Exclusive. */
  to?: InstantMs;
}

/** One line of the log: members in the article's order, numbers as exact decimal strings (see attempt-log.ts, which writes it). */
export interface AttemptRecord {
  id: string;
  brief_id: string;
  prompt_id: string;
  prompt_version: string;
  model: string;
  duration_seconds: string | null;
  credits_used: string;
  /** What was paid for the credits, 0 for free ones; null where some of it was paid in another currency. */
  generation_cost_usd: string | null;
  asset_url: string | null;
  status: AttemptState;
  rejection_reason: string | null;
  /** Brand review included: the log knows one kind of review. */
  review_minutes: string;
  editing_minutes: string;
  published: boolean;
  created_at: string;
}

export interface ClipListQuery extends StudioPageQuery {
  briefId?: string;
  state?: AttemptState;
  model?: string;
}

export interface StudioReads {
  /** Newest first, as are prompts and clips. */
  briefs(
    who: StudioVisibility,
    query: StudioPageQuery & { state?: BriefView['state']; campaign?: string; channel?: string },
  ): Promise<StudioPage<BriefView>>;
  brief(who: StudioVisibility, briefId: string): Promise<BriefView | null>;
  prompts(who: StudioVisibility, query: StudioPageQuery): Promise<StudioPage<PromptView>>;
  prompt(who: StudioVisibility, promptId: string): Promise<PromptView | null>;
  clips(who: StudioVisibility, query: ClipListQuery): Promise<StudioPage<ClipView>>;
  clip(who: StudioVisibility, clipId: string): Promise<ClipView | null>;
  figures(who: StudioVisibility, clipId: string): Promise<ClipFigures | null>;
  /** What waits for a human, high risk first, then the longest waiting: clips in review_pending and brand_review. */
  reviewQueue(
    who: StudioVisibility,
    query: StudioPageQuery & { briefId?: string; state?: Extract<ReviewState, 'review_pending' | 'brand_review'> },
  ): Promise<StudioPage<ClipView>>;
  /** By name. */
  benchmarks(tenant: string): Promise<BenchmarkView[]>;
  benchmark(tenant: string, name: string): Promise<BenchmarkView | null>;
  /** Cells told apart by state, reasons, week and what is grouped by; all else may be null in them. Attempts under way are left out. */
  cells(who: StudioVisibility, filter: AttemptFilter, groupBy: ReportGroup | null): Promise<AttemptCell[]>;
  /** In the order of their creation, in batches, each read when the one before was taken. */
  attempts(who: StudioVisibility, filter: AttemptFilter): AsyncIterable<AttemptRecord[]>;
}
