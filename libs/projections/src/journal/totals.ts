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
  /** The rows that one flow adds to, by everything that names them. */
  readonly #rows = new Map<string, Total[]>();

  add(at: Occasion, commodity: string, bucket: string | null, flow: Flow): void {
    const isCredit = commodity === CREDIT;
    const index = (isCredit ? CREDIT_INDEX : MONEY_INDEX).get(flow.figure);
    if (index === undefined) throw new Error(`${flow.figure} does not count ${commodity}`);
    const day = dayStart(at.effectiveAt);
    const key = `${at.tenant} ${at.accountId ?? ''} ${day} ${at.plan} ${bucket ?? ''} ${flow.model ?? ''} ${commodity}`;
    let rows = this.#rows.get(key);
    if (rows === undefined) this.#rows.set(key, (rows = this.#make(at, day, { bucket: bucket ?? '', model: flow.model ?? '', commodity })));
    const amount = BigInt(flow.amount * figureSign(flow.figure));
    for (const row of rows) row.figures[index] = (row.figures[index] as bigint) + amount;
  }

  /** Of the tenant by day and month; of the account by month only: what is left of a month is few postings of one account. */
  #make({ tenant, accountId, plan }: Occasion, day: InstantMs, about: { bucket: string; model: string; commodity: string }): Total[] {
    const month = monthStart(day);
    const rows = [this.#row({ tenant, accountId: '', grain: 'd', startsAt: day, plan, ...about })];
    rows.push(this.#row({ tenant, accountId: '', grain: 'm', startsAt: month, plan, ...about }));
    if (accountId !== null) rows.push(this.#row({ tenant, accountId, grain: 'm', startsAt: month, plan, ...about }));
    return rows;
  }

  #row(key: TotalKey): Total {
    const isCredit = key.commodity === CREDIT;
    const totals = isCredit ? this.credits : this.money;
    const text = `${key.tenant} ${key.accountId} ${key.grain}${key.startsAt} ${key.plan} ${key.bucket} ${key.model} ${key.commodity}`;
    let total = totals.get(text);
    if (total === undefined) {
      const length = isCredit ? CREDIT_FIGURES.length : MONEY_FIGURES.length;
      totals.set(text, (total = { ...key, figures: new Array<bigint>(length).fill(0n) }));
    }
    return total;
  }
}
