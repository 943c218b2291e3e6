// Finance · where a bill stands between its body and the log: staged whole, judged once, booked in batches; implemented on PostgreSQL.
import type { BillImported, BillJobsMissing, BillLineBooked } from './billing.facts.js';
import type { BillLine, RejectedLine } from './bill-lines.js';

export interface StagedBill {
  billId: string;
  tenant: string;
  actor: string;
  correlationId: string;
  causationId: string | null;
  state: 'staged' | 'judged';
  providers: string[];
}

/** The facts of one append, all of one provider. */
export type BillBatch = Array<BillLineBooked | BillJobsMissing>;

export type BillSummary = Omit<BillImported['data'], 'importedAt'>;

export interface BillStaging {
  begin(bill: Omit<StagedBill, 'state' | 'providers'>): Promise<void>;
  add(billId: string, lines: readonly BillLine[]): Promise<void>;
  /** The whole body is here. */
  complete(billId: string, rejected: { count: number; first: readonly RejectedLine[] }): Promise<StagedBill>;
  /** Nothing of it ever was. */
  discard(billId: string): Promise<void>;
  /** Null once it is imported. */
  find(billId: string): Promise<StagedBill | null>;
  /** Oldest first, those that a provider of `providers` has a line in (all where null). */
  unfinished(tenant: string | null, providers: readonly string[] | null): Promise<StagedBill[]>;
  /** Bodies whose process died while they arrived. */
  discardAbandoned(olderThanMs: number): Promise<void>;
  /** Against everything that the read models have seen; fixes each line's verdict for good. */
  judge(billId: string): Promise<void>;
  batches(billId: string, provider: string): Promise<number>;
  batch(billId: string, provider: string, batch: number): Promise<BillBatch>;
  /** Null once it is imported. */
  summary(billId: string): Promise<BillSummary | null>;
}

/** Who holds a lease at a time may book a provider's bills. */
export interface BillLease {
  held(): boolean;
  release(): Promise<void>;
}

export interface BillLeases {
  /** Waits for all of them; null where they are not free in time. */
  acquire(names: readonly string[], timeoutMs: number): Promise<BillLease | null>;
}
