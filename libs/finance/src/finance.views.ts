// The shapes of finance.md that the journal answers with: what the API shows, and what a closed period keeps.
import type { Bucket, MovementType } from '#libs/ledger';

export interface PostingView {
  /** `<position>/<index>` */
  id: string;
  position: string;
  index: number;
  effectiveAt: string;
  /** Only on a posting whose period was closed already: when it would have taken effect. */
  originalEffectiveAt?: string;
  recordedAt: string;
  account: string;
  commodity: string;
  amount: number;
  eventId: string;
  eventType: string;
  accountId: string | null;
  bucket: Bucket | null;
  grantId: string | null;
  taskId: string | null;
  model: string | null;
  provider: string | null;
}

export interface Holding {
  available: number;
  held: number;
}

/** `opening` and `closing` are null in a group by model: a model owns no credits. */
export interface CreditRow {
  bucket: Bucket | 'all';
  opening: Holding | null;
  granted: number;
  adjusted: number;
  reserved: number;
  released: number;
  consumed: number;
  returned: number;
  refunded: number;
  repaid: number;
  expired: number;
  revoked: number;
  closing: Holding | null;
}

export interface MoneyRow {
  currency: string;
  deferredOpening: number | null;
  deferred: number;
  recognised: number;
  breakage: number;
  breakageReversed: number;
  revoked: number;
  adjusted: number;
  repaid: number;
  deferredClosing: number | null;
  /** At the end. */
  receivable: number | null;
  providerCost: number;
  absorbedCost: number;
  unmatchedCost: number;
  margin: number;
}

/** `currency` is null for a model whose credits moved no money. */
export interface ModelRow {
  model: string;
  currency: string | null;
  credits: number;
  recognised: number;
  providerCost: number;
  absorbedCost: number;
  margin: number;
}

export interface SummaryGroup {
  key: string;
  credits: CreditRow[];
  money: MoneyRow[];
}

/** What a closed period fixes; the route adds position, groups and a cursor. */
export interface SummaryFigures {
  from: string | null;
  to: string | null;
  /** Every row was held against the balances, or there is no answer. */
  checked: true;
  credits: CreditRow[];
  debt: { opening: number; recorded: number; repaid: number; closing: number };
  money: MoneyRow[];
  models: ModelRow[];
}

export interface SummaryView extends SummaryFigures {
  position: string;
  groups: SummaryGroup[];
  nextCursor: string | null;
}

export const SUMMARY_GROUPINGS = ['day', 'month', 'model', 'bucket', 'plan', 'account'] as const;
export type SummaryGrouping = (typeof SUMMARY_GROUPINGS)[number];

export interface StatementBalance extends Holding {
  buckets: Record<Bucket, Holding>;
}

export interface StatementLine {
  type: MovementType;
  bucket: Bucket;
  count: number;
  credits: number;
  consumed: number;
}

export interface StatementView {
  accountId: string;
  from: string | null;
  to: string | null;
  position: string;
  opening: StatementBalance;
  movements: StatementLine[];
  /** Of available; days without movements are left out. */
  days: Array<{ date: string; opening: number; credits: number; consumed: number; closing: number }>;
  closing: StatementBalance;
}

/** One row a day, type and bucket: what a statement's CSV holds. */
export interface StatementDayLine extends StatementLine {
  date: string;
}

export const AGING_BANDS = ['7d', '30d', '90d', '365d', 'later', 'never'] as const;
export type AgingBand = (typeof AGING_BANDS)[number];
export const HOLD_BANDS = ['15m', '1h', '24h', '7d', 'older'] as const;
export type HoldBand = (typeof HOLD_BANDS)[number];

export interface AgingView {
  at: string;
  position: string;
  buckets: Array<{ bucket: Bucket; credits: number; bands: Record<AgingBand, number> }>;
  deferred: Array<{ currency: string; amountMinor: number }>;
  holds: Array<{ band: HoldBand; count: number; credits: number; money: Array<{ currency: string; amountMinor: number }> }>;
}

/** An open period has nulls from `position` on. */
export interface PeriodView {
  period: string;
  from: string;
  to: string;
  status: 'open' | 'closed';
  position: string | null;
  treeSize: number | null;
  checkpoint: string | null;
  closedAt: string | null;
  closedBy: string | null;
  summary: SummaryFigures | null;
}
