// Finance · the facts of a tenant's periods: `periods-<tenant>` is the stream that says which months are closed, and with what figures.
import type { Fact, Iso } from '#libs/kernel';
import type { SummaryFigures } from './finance.views.js';

/** A month: UTC, half-open. */
interface Month {
  /** `2026-11` */
  period: string;
  from: Iso;
  to: Iso;
}

/**
 * The fence: whatever stands behind it in the log takes effect at `closedAt` at the earliest, so that the month's figures, summed up to it,
 * can never change again. Written before they are; an ending that was interrupted goes on from it.
 */
export type PeriodCloseStarted = Fact<'PeriodCloseStarted', Month & { closedAt: Iso; closedBy: string }>;

/** The figures as of the fence, for good; the proof's head covers every fact that they are made of. */
export type PeriodClosed = Fact<
  'PeriodClosed',
  Month & {
    closedAt: Iso;
    closedBy: string;
    /** Of the fence: the figures are those of everything up to it. */
    position: string;
    /** Null where this deployment signs no heads. */
    treeSize: number | null;
    checkpoint: string | null;
    summary: SummaryFigures;
  }
>;

export type PeriodFact = PeriodCloseStarted | PeriodClosed;

/** The schema version that this code writes, by type. */
export const PERIOD_FACT_VERSIONS: Readonly<Record<PeriodFact['type'], number>> = { PeriodCloseStarted: 1, PeriodClosed: 1 };

export function periodsStream(tenant: string): string {
  return `periods-${tenant}`;
}
