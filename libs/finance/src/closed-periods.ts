// Finance · which months of a tenant are closed, as the log says it up to some position; decides when a late fact takes effect. Pure.
import { fromIso, type InstantMs, type Iso } from '#libs/kernel';
import { monthRange } from './months.js';

/** What a close says of dating: nothing that stands behind it in the log takes effect before `through`. */
interface Closed {
  /** The end of the last month that was closed; months close in order. */
  through: InstantMs;
  closedAt: InstantMs;
}

export interface Dated {
  effectiveAt: InstantMs;
  /** What it would have been, had the period not been closed; null where that made no difference. */
  originalEffectiveAt: InstantMs | null;
}

export class ClosedPeriods {
  readonly #byTenant = new Map<string, Closed>();

  /** Called with every PeriodCloseStarted, in log order. */
  close(tenant: string, period: string, closedAt: Iso): void {
    const { to } = monthRange(period);
    this.restore(tenant, to, fromIso(closedAt));
  }

  /** As kept beside a read model. A month before the last closed one had no postings, and closing it dates nothing anew. */
  restore(tenant: string, through: InstantMs, closedAt: InstantMs): void {
    const known = this.#byTenant.get(tenant);
    if (known === undefined || through > known.through) this.#byTenant.set(tenant, { through, closedAt });
  }

  entries(): Array<{ tenant: string; through: InstantMs; closedAt: InstantMs }> {
    return Array.from(this.#byTenant, ([tenant, closed]) => ({ tenant, ...closed }));
  }

  /** finance.md, effectiveAt: the later of its record and the close's `closedAt`, for a fact that would fall in a closed period. */
  date(tenant: string, effectiveAt: InstantMs, recordedAt: InstantMs): Dated {
    const closed = this.#byTenant.get(tenant);
    if (closed === undefined || effectiveAt >= closed.through) return { effectiveAt, originalEffectiveAt: null };
    return { effectiveAt: Math.max(recordedAt, closed.closedAt), originalEffectiveAt: effectiveAt };
  }
}
