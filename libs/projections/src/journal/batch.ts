// 4 project · what a batch of facts is to write into the journal; filled by project.ts, written by statements.ts.
import type { InstantMs } from '#libs/kernel';
import type { StoredFact } from '#libs/event-store';
import type { Posting } from '#libs/finance';
import { Totals } from './totals.js';

/** One posting on its way into its row. */
export interface PostingRow {
  fact: StoredFact;
  posting: Posting;
  effectiveAt: InstantMs;
  originalEffectiveAt: InstantMs | null;
  accountId: string | null;
  plan: string;
}

export interface HoldRow {
  tenant: string;
  reservationId: string;
  accountId: string;
  heldAt: InstantMs;
  credits: number;
  /** By currency, rounded down by grant. */
  cost: Record<string, number>;
}

/** What a batch is to write. */
export class JournalBatch {
  readonly postings: PostingRow[] = [];
  readonly totals = new Totals();
  /** By tenant and id; null for one that ended and was opened in an earlier batch. */
  readonly holds = new Map<string, HoldRow | { tenant: string; reservationId: string; ended: true }>();
}
