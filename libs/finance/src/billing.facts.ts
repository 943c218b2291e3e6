// Finance · the facts of a provider's billing stream: every line of its bills that was taken, what no bill spoke of, and what a bill came to.
import { tenantStream } from '#libs/event-store';
import type { Fact, Iso, JsonObject, Money } from '#libs/kernel';
import type { ExpenseKind } from './chart.js';

/** One line of a bill and what it changed in the books: billed − booked for a job's first line, its amount for a further one or an orphan. */
export type BillLineBooked = Fact<
  'BillLineBooked',
  {
    billId: string;
    line: number;
    provider: string;
    providerJobId: string;
    billedAt: Iso;
    /** As the bill says it. */
    billed: Money;
    /** As the bill says it; null where it says none. */
    units: string | null;
    state: 'matched' | 'amount_differs' | 'orphan';
    /** Signed; 0 where the line says what was booked already. */
    booked: Money;
    /** That of the attempt; `unmatched` for an orphan. */
    expense: ExpenseKind;
    /** All null for an orphan. */
    accountId: string | null;
    taskId: string | null;
    model: string | null;
  }
>;

/** Attempts with a cost that a bill should have spoken of, and that no line ever did; they move nothing. */
export type BillJobsMissing = Fact<
  'BillJobsMissing',
  {
    billId: string;
    provider: string;
    jobs: Array<{ ordinal: number; providerJobId: string | null; taskId: string; attempt: number; cost: Money }>;
  }
>;

/** The end of an import, with its answer; on the stream of the bill's first provider, behind all of its lines. */
export type BillImported = Fact<
  'BillImported',
  {
    billId: string;
    providers: string[];
    lines: number;
    matched: number;
    differing: number;
    orphans: number;
    missing: number;
    duplicates: number;
    rejectedCount: number;
    /** The first 1,000. */
    rejected: Array<{ line: number; errors: Array<{ field: string | null; code: string; detail: string }> }>;
    /** Credits as a decimal. */
    drift: { credits: string; money: Array<{ currency: string; billed: number; booked: number; difference: number }> };
    importedAt: Iso;
  }
>;

export type BillingFact = BillLineBooked | BillJobsMissing | BillImported;

/** The schema version that this code writes, by type. */
export const BILLING_FACT_VERSIONS: Readonly<Record<BillingFact['type'], number>> = {
  BillLineBooked: 1,
  BillJobsMissing: 1,
  BillImported: 1,
};

export function billingStream(tenant: string, provider: string): string {
  return tenantStream('billing', tenant, provider);
}

export function billingNewFact(fact: BillingFact): { type: string; schemaVersion: number; data: JsonObject } {
  return { type: fact.type, schemaVersion: BILLING_FACT_VERSIONS[fact.type], data: fact.data as unknown as JsonObject };
}
