// query · the periods of a tenant, closed and open, from their stream and the months that have postings; asked by the API.
import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '#libs/kernel';
import type { EventStore } from '#libs/event-store';
import { CLOCK, EVENT_STORE, FINANCE_READS } from '#libs/platform';
import type { FinanceReads } from './finance.port.js';
import type { PeriodView } from './finance.views.js';
import { isMonth, monthOf, nextMonth } from './months.js';
import { periodsStream } from './period.facts.js';
import { closedPeriodView, foldPeriods, openPeriodView, type Periods } from './periods.js';

@Injectable()
export class PeriodReads {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(FINANCE_READS) private readonly reads: FinanceReads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** From the first month with a posting to the current one, newest first. */
  async list(tenant: string, { limit, before }: { limit: number; before: string | null }): Promise<{ data: PeriodView[]; more: boolean }> {
    const [periods, months] = await Promise.all([this.periods(tenant), this.reads.months(tenant)]);
    const current = monthOf(this.clock.now());
    const all: string[] = [];
    for (let month = months[0] ?? current; month <= current; month = nextMonth(month)) all.push(month);
    const left = all.reverse().filter((month) => before === null || month < before);
    return { data: left.slice(0, limit).map((month) => viewOf(periods, month)), more: left.length > limit };
  }

  /** Null for what is no month, and for one that there are no books of. */
  async get(tenant: string, period: string): Promise<PeriodView | null> {
    if (!isMonth(period)) return null;
    const [periods, months] = await Promise.all([this.periods(tenant), this.reads.months(tenant)]);
    const current = monthOf(this.clock.now());
    const first = months[0] ?? current;
    const known = periods.closed.has(period) || (period >= first && period <= current);
    return known ? viewOf(periods, period) : null;
  }

  private async periods(tenant: string): Promise<Periods> {
    return foldPeriods(await this.store.readStream(periodsStream(tenant)));
  }
}

function viewOf(periods: Periods, month: string): PeriodView {
  const closed = periods.closed.get(month);
  return closed === undefined ? openPeriodView(month) : closedPeriodView(closed.data);
}
