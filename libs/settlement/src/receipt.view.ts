// The receipt of api.md: quoted → held → charged or refunded, by bucket, each line with the fact that proves it.
import type { Credits, Money } from '#libs/kernel';

export type ReceiptLineKind = 'quoted' | 'held' | 'consumed' | 'refunded' | 'reissued';

export interface ReceiptView {
  taskId: string;
  /** consumed − goodwill. */
  charged: Credits;
  statement: string;
  lines: Array<{
    at: string;
    what: ReceiptLineKind;
    credits: Credits;
    buckets: Partial<Record<string, Credits>>;
    position: string;
    eventId: string;
  }>;
  /** One entry per currency. */
  providerCost: Money[];
  position: string;
}
