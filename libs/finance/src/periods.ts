// Finance · what a tenant's periods are: folded from their stream, and shown; used by the close and by the routes that read periods. Pure.
import { toIso } from '#libs/kernel';
import { NO_STREAM, type Position, type StoredFact } from '#libs/event-store';
import type { PeriodView } from './finance.views.js';
import { monthRange } from './months.js';
import type { PeriodClosed, PeriodCloseStarted, PeriodFact } from './period.facts.js';

export interface Fence extends Pick<PeriodCloseStarted['data'], 'closedAt' | 'closedBy'> {
  position: Position;
}

export interface ClosedPeriod {
  data: PeriodClosed['data'];
  /** Of the fact itself. */
  position: Position;
  revision: number;
}

export interface Periods {
  revision: number;
  fences: Map<string, Fence>;
  closed: Map<string, ClosedPeriod>;
}

export function foldPeriods(facts: readonly StoredFact[]): Periods {
  const periods: Periods = { revision: NO_STREAM, fences: new Map(), closed: new Map() };
  for (const stored of facts) {
    const { position, revision } = stored;
    const fact = stored as unknown as PeriodFact;
    if (fact.type === 'PeriodClosed') periods.closed.set(fact.data.period, { data: fact.data, position, revision });
    else periods.fences.set(fact.data.period, { closedAt: fact.data.closedAt, closedBy: fact.data.closedBy, position });
    periods.revision = revision;
  }
  return periods;
}

export function closedPeriodView({
  period,
  from,
  to,
  position,
  treeSize,
  checkpoint,
  closedAt,
  closedBy,
  summary,
}: PeriodClosed['data']): PeriodView {
  return { period, from, to, status: 'closed', position, treeSize, checkpoint, closedAt, closedBy, summary };
}

/** Also while its close is under way: there are no figures yet. */
export function openPeriodView(period: string): PeriodView {
  const { from, to } = monthRange(period);
  const nothing = { position: null, treeSize: null, checkpoint: null, closedAt: null, closedBy: null, summary: null };
  return { period, from: toIso(from), to: toIso(to), status: 'open', ...nothing };
}
