// Finance · one fact's postings while they are being made: one per account, commodity and grant, and together zero; used by postings.ts.
import { invariant, type Money } from '#libs/kernel';
import type { Bucket } from '#libs/ledger';
import { CREDIT } from './chart.js';
import type { Figure } from './figures.js';

/** What a posting is about; what does not apply is null. */
export interface Subject {
  bucket: Bucket | null;
  grantId: string | null;
  taskId: string | null;
  model: string | null;
  provider: string | null;
}

/** A part of a posting's amount, under the figure that it counts in. Amounts as posted: see figureSign. */
export interface Flow {
  figure: Figure;
  model: string | null;
  amount: number;
}

export interface Posting extends Subject {
  /** From 0, in the fact. */
  index: number;
  account: string;
  commodity: string;
  /** Credits, or minor units: signed, never 0. */
  amount: number;
  /** Usually one. A fact that holds for several models at once has one for each. */
  flows: Flow[];
}

export const NOBODY: Subject = { bucket: null, grantId: null, taskId: null, model: null, provider: null };

export class EntryBuilder {
  readonly #postings = new Map<string, Posting>();

  /** `figures` say what the whole amount counts as. */
  post(account: string, commodity: string, amount: number, subject: Subject, ...figures: Figure[]): void {
    const flows = figures.map((figure) => ({ figure, model: subject.model, amount }));
    this.postFlows(account, commodity, amount, subject, flows);
  }

  postFlows(account: string, commodity: string, amount: number, subject: Subject, flows: readonly Flow[]): void {
    invariant(Number.isSafeInteger(amount), () => `a posting of ${amount} on ${account}`);
    if (amount === 0) return;
    let key = `${account} ${commodity} ${subject.grantId ?? ''}`;
    let posting = this.#postings.get(key);
    // Sums beyond what counts exactly stand apart.
    while (posting !== undefined && !Number.isSafeInteger(posting.amount + amount)) posting = this.#postings.get((key += '+'));
    if (posting === undefined) {
      posting = { index: 0, account, commodity, amount: 0, ...subject, flows: [] };
      this.#postings.set(key, posting);
    } else {
      if (posting.taskId !== subject.taskId) posting.taskId = null;
      if (posting.model !== subject.model) posting.model = null;
    }
    posting.amount += amount;
    for (const flow of flows) addFlow(posting.flows, flow);
  }

  credits(
    from: [account: string, ...figures: Figure[]],
    to: [account: string, ...figures: Figure[]],
    credits: number,
    subject: Subject,
  ): void {
    const [minus, ...minusFigures] = from;
    const [plus, ...plusFigures] = to;
    this.post(minus, CREDIT, -credits, subject, ...minusFigures);
    this.post(plus, CREDIT, credits, subject, ...plusFigures);
  }

  /** `debit` grows by the money, `credit` falls by it. */
  money(
    debit: [account: string, ...figures: Figure[]],
    credit: [account: string, ...figures: Figure[]],
    money: Money | null,
    subject: Subject,
  ): void {
    if (money === null) return;
    const [plus, ...plusFigures] = debit;
    const [minus, ...minusFigures] = credit;
    this.post(plus, money.currency, money.amountMinor, subject, ...plusFigures);
    this.post(minus, money.currency, -money.amountMinor, subject, ...minusFigures);
  }

  /** In the order in which they were made; zero amounts are not written. Throws unless they sum to zero in each commodity. */
  build(): Posting[] {
    const postings: Posting[] = [];
    const sums = new Map<string, bigint>();
    for (const posting of this.#postings.values()) {
      if (posting.amount === 0) {
        invariant(posting.flows.length === 0, () => `what ${posting.account} is posted cancels out, its figures do not`);
        continue;
      }
      posting.index = postings.length;
      postings.push(posting);
      sums.set(posting.commodity, (sums.get(posting.commodity) ?? 0n) + BigInt(posting.amount));
    }
    for (const [commodity, sum] of sums) invariant(sum === 0n, () => `an entry is off by ${sum} ${commodity}: ${JSON.stringify(postings)}`);
    return postings;
  }
}

function addFlow(flows: Flow[], flow: Flow): void {
  if (flow.amount === 0) return;
  const known = flows.find(({ figure, model }) => figure === flow.figure && model === flow.model);
  if (known === undefined || !Number.isSafeInteger(known.amount + flow.amount)) flows.push({ ...flow });
  else known.amount += flow.amount;
}
