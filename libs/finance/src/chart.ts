// Finance · the chart of accounts (finance.md, Chart): every name that a posting may stand under, in one place; used by postings.ts alone.
import type { Bucket } from '#libs/ledger';

/** The commodity of credits; money stands under its ISO 4217 code. */
export const CREDIT = 'CREDIT';

export const CHART = {
  issued: (bucket: Bucket): string => `issued:${bucket}`,
  available: (account: string, bucket: Bucket): string => `customer:${account}:${bucket}:available`,
  held: (account: string, bucket: Bucket): string => `customer:${account}:${bucket}:held`,
  consumed: (model: string): string => `consumed:${model}`,
  expired: (bucket: Bucket): string => `expired:${bucket}`,
  revoked: (bucket: Bucket): string => `revoked:${bucket}`,
  revokedSpent: (bucket: Bucket): string => `revoked:${bucket}:spent`,
  adjusted: (bucket: Bucket): string => `adjusted:${bucket}`,
  debt: (account: string): string => `debt:${account}`,
  clearing: 'assets:clearing',
  receivable: (account: string): string => `assets:receivable:${account}`,
  deferred: 'liabilities:deferred-revenue',
  owedToProvider: (provider: string): string => `liabilities:provider:${provider}`,
  usage: (model: string): string => `revenue:usage:${model}`,
  breakage: 'revenue:breakage',
  adjustment: 'revenue:adjustment',
  revenueOfDebt: 'revenue:debt',
  expense: (kind: ExpenseKind, provider: string): string => `expenses:${kind}:${provider}`,
} as const;

/** Whose cost it was: of credits that were consumed, of none (late, unknown, refunded), or of no job that we know. */
export type ExpenseKind = 'provider' | 'absorbed' | 'unmatched';
