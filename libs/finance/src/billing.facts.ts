// Finance · the facts of a provider's billing stream that the journal posts; written by the import of its bills.
import type { Fact, Iso, Money } from '#libs/kernel';
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
