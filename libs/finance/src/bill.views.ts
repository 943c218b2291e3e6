// query · a provider's bill and its lines as finance sees them; answered by the import and by the read model.
import type { Iso } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { RejectedLine } from './bill-lines.js';
import type { BillImported } from './billing.facts.js';

export const BILL_LINE_STATES = ['matched', 'orphan', 'missing', 'amount_differs'] as const;
export type BillLineState = (typeof BILL_LINE_STATES)[number];

export interface BillView {
  id: string;
  lines: number;
  matched: number;
  differing: number;
  orphans: number;
  missing: number;
  duplicates: number;
  rejectedCount: number;
  rejected: RejectedLine[] | BillImported['data']['rejected'];
  drift: { credits: number; money: Array<{ currency: string; billed: number; booked: number; difference: number }> };
  position: Position;
}

/** What no bill said is null: of a missing job there is no line, no instant and no amount. */
export interface BillLineView {
  line: number | null;
  provider: string;
  providerJobId: string | null;
  billedAt: Iso | null;
  amountMinor: number | null;
  currency: string;
  units: string | null;
  state: BillLineState;
  taskId: string | null;
  /** How much of the attempt's cost is set against the line. */
  bookedMinor: number;
  /** What the line books; null for a missing job, which books nothing. */
  differenceMinor: number | null;
  position: Position;
}

export interface BillReads {
  /** In the order of the bill, the missing behind; null for a bill that there is not. */
  billLines(
    tenant: string,
    billId: string,
    state: BillLineState | null,
    page: { limit: number; cursor: string | null },
  ): Promise<{ data: BillLineView[]; nextCursor: string | null } | null>;
}
