// 4 project · what a batch's postings add up to, by day and month, of their account and of their tenant; called by project.ts.
import { CREDIT, CREDIT_FIGURES, dayStart, figureSign, MONEY_FIGURES, monthStart, type Figure, type Flow } from '#libs/finance';
import type { InstantMs } from '#libs/kernel';

export interface TotalKey {
  tenant: string;
  /** '' is all of the tenant's. */
  accountId: string;
  grain: 'd' | 'm';
  startsAt: InstantMs;
  plan: string;
  bucket: string;
  model: string;
  /** Of money; CREDIT for credits. */
  commodity: string;
}

export interface Total extends TotalKey {
  /** In the order of CREDIT_FIGURES or MONEY_FIGURES. */
  figures: bigint[];
}

const CREDIT_INDEX: ReadonlyMap<Figure, number> = new Map(CREDIT_FIGURES.map((figure, index) => [figure, index]));
const MONEY_INDEX: ReadonlyMap<Figure, number> = new Map(MONEY_FIGURES.map((figure, index) => [figure, index]));

/** Where and when one entry counts. */
export interface Occasion {
  tenant: string;
  accountId: string | null;
  plan: string;
  effectiveAt: InstantMs;
}

export class Totals {
  readonly credits = new Map<string, Total>();
  readonly money = new Map<string, Total>();
  // Most of a batch takes effect in one day.
  #day = 0;
  #month = 0;

  add(at: Occasion, commodity: string, bucket: string | null, flow: Flow): void {
    const day = dayStart(at.effectiveAt);
    if (day !== this.#day) {
      this.#day = day;
      this.#month = monthStart(at.effectiveAt);
    }
    const isCredit = commodity === CREDIT;
    const index = (isCredit ? CREDIT_INDEX : MONEY_INDEX).get(flow.figure);
    if (index === undefined) throw new Error(`${flow.figure} does not count ${commodity}`);
    const amount = BigInt(flow.amount * figureSign(flow.figure));
    const dimensions = `${at.plan} ${bucket ?? ''} ${flow.model ?? ''} ${commodity}`;
    for (const accountId of at.accountId === null ? [''] : ['', at.accountId]) {
      for (const grain of ['d', 'm'] as const) {
        const startsAt = grain === 'd' ? day : this.#month;
        const key = `${at.tenant} ${accountId} ${grain}${startsAt} ${dimensions}`;
        const totals = isCredit ? this.credits : this.money;
        let total = totals.get(key);
        if (total === undefined) {
          const { tenant, plan } = at;
          const length = isCredit ? CREDIT_FIGURES.length : MONEY_FIGURES.length;
          total = {
            tenant,
            accountId,
            grain,
            startsAt,
            plan,
            bucket: bucket ?? '',
            model: flow.model ?? '',
            commodity,
            figures: new Array<bigint>(length).fill(0n),
          };
          totals.set(key, total);
        }
        total.figures[index] = (total.figures[index] as bigint) + amount;
      }
    }
  }
}
