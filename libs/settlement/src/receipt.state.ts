// query · what a task's facts add up to for its receipt: the state between folding and rendering.
import type { Credits, Money } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { ReceiptView } from './receipt.view.js';

export type ReceiptLine = ReceiptView['lines'][number];

export type Ending = 'completed' | 'failed' | 'timed_out' | 'cancelled' | 'rejected';

/** Plain JSON, so that a projection may keep it in a column: folding on from it is folding from nothing. */
export interface ReceiptState {
  taskId: string;
  /** In log order, `quoted` first. */
  lines: ReceiptLine[];
  ending: Ending | null;
  lateAccepted: boolean;
  /** Reservations made, and of them those not ended yet. */
  reservations: number;
  openReservations: number;
  held: Credits;
  consumed: Credits;
  /** Used beyond what was held, and owed. */
  overConsumed: Credits;
  /** Of a hold's way back, to the very grants. */
  returned: Credits;
  /** Of a hold's way back, as a grant of its own because the old one had lapsed. */
  reissued: Credits;
  goodwill: Credits;
  /** Of the goodwill: what lowered a debt instead of coming back. */
  owedLess: Credits;
  /** What came back to a grant that had lapsed or was revoked, and went with it. */
  lapsed: Credits;
  providerCost: Money[];
  position: Position;
}
