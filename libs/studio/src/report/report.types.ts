// query · what a report on cost per usable clip is asked, and what it answers (production.md, The numbers); used by the API and the pilot.
import type { Money } from '#libs/kernel';
import type { RejectionReason } from '../clip/rejection-reasons.js';
import type { BenchmarkView } from '../studio.views.js';

export const REPORT_GROUPS = ['brief', 'campaign', 'channel', 'format', 'model', 'promptVersion', 'rejectionReason', 'week'] as const;
export type ReportGroup = (typeof REPORT_GROUPS)[number];

export type CostSource = 'ledger' | 'provider';

export interface ReportOptions {
  groupBy: ReportGroup | null;
  hourlyRateMinor: number;
  /** Totals of the answer, in its currency; no part of groups. */
  toolingCostMinor: number;
  complianceCostMinor: number;
  costSource: CostSource;
  /** Null: the only currency there is; with several it is refused (`validation_failed`, pointer /currency). */
  currency: string | null;
  benchmark: Pick<BenchmarkView, 'name' | 'costPerUsableClip' | 'qualityBar'> | null;
  /** How the statement calls them; null: "this format", "this channel". */
  format: string | null;
  channel: string | null;
}

/** Of the whole, of a group, of a week. Money is rounded once, half up; rates are decimal strings with up to 6 decimals. */
export interface ReportFigures {
  totalGenerations: number;
  usableClips: number;
  publishedClips: number;
  /** Null where there are no generations. */
  usableRate: string | null;
  /** Wilson; null where there are no generations. */
  usableRateInterval: { low: string; high: string; confidence: '0.95' } | null;
  attemptsPerUsableClip: string | null;
  generationCost: Money;
  /** Minutes as JSON numbers of the exact sums. */
  reviewMinutes: number;
  brandReviewMinutes: number;
  editingMinutes: number;
  humanCost: Money;
  totalCost: Money;
  costPerUsableClip: Money | null;
  /** "no usable clip among 16 generations"; null where there is a cost. */
  costPerUsableClipReason: string | null;
  costPerPublishedClip: Money | null;
  costPerPublishedClipReason: string | null;
  creditsUsed: number;
  unpricedCredits: number;
  rejectionReasons: Partial<Record<RejectionReason, number>>;
}

export interface Report extends ReportFigures {
  currency: string;
  costSource: CostSource;
  hourlyRate: Money;
  toolingCost: Money;
  complianceCost: Money;
  groups: Array<ReportFigures & { key: string }>;
  trend: Array<ReportFigures & { week: string }>;
  benchmark: ReportOptions['benchmark'];
  verdict: 'meets' | 'does_not_meet' | null;
  /** See production.md, Report also. */
  moreGenerations: number | null;
  statement: string;
  nextSteps: string[];
}
