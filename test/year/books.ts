// What must be true of a year's books, asked of the real read model, the real accounts and, where it is installed, hledger.
import { recognisedMinor, type AccountState } from '#libs/ledger';
import { decimalsOf, exportAs, monthOf, type Books, type FinanceReads, type PeriodView, type SummaryFigures } from '#libs/finance';
import { balanceOf, type HledgerBalances } from '../support/hledger.js';

/** Names what does not tie; empty when everything does. */
export type Faults = string[];

function same(faults: Faults, what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) faults.push(`${what}: ${a}, not ${b}`);
}

/** Each closing is the next opening, in credits, debt and every currency; and a closed month reads as it was closed. */
export async function closingsOpen(reads: FinanceReads, books: Books, periods: readonly PeriodView[]): Promise<Faults> {
  const faults: Faults = [];
  let before: SummaryFigures | null = null;
  for (const { period, summary, from, to } of periods) {
    if (summary === null) {
      faults.push(`${period} is not closed`);
      continue;
    }
    if (before !== null) {
      same(
        faults,
        `opening of ${period}`,
        summary.credits.map(({ opening }) => opening),
        before.credits.map(({ closing }) => closing),
      );
      same(faults, `opening debt of ${period}`, summary.debt.opening, before.debt.closing);
      const closed = new Map(before.money.map(({ currency, deferredClosing }) => [currency, deferredClosing]));
      for (const { currency, deferredOpening } of summary.money)
        same(faults, `deferred in ${currency} of ${period}`, deferredOpening, closed.get(currency) ?? 0);
    }
    const {
      position: _position,
      groups: _groups,
      nextCursor: _cursor,
      ...again
    } = await reads.summary(books, { from: Date.parse(from), to: Date.parse(to) }, null);
    same(faults, `summary of ${period}`, again, summary);
    before = summary;
  }
  return faults;
}

/** Balances, deferred revenue and debt of the journal are those of the accounts themselves. */
export async function ties(reads: FinanceReads, books: Books, states: readonly AccountState[]): Promise<Faults> {
  const faults: Faults = [];
  const summary = await reads.summary(books, {}, null);
  const grants = states.flatMap((state) => [...state.grants.values()]);
  for (const { bucket, closing } of summary.credits) {
    const own = grants.filter((grant) => bucket === 'all' || grant.bucket === bucket);
    const available = own.reduce((sum, grant) => sum + grant.available, 0);
    const held = own.reduce((sum, grant) => sum + grant.held, 0);
    same(faults, `closing of ${bucket}`, closing, { available, held });
  }
  const deferred = new Map<string, bigint>();
  for (const { costBasis, credits, available, held } of grants) {
    if (costBasis === null) continue;
    const left = BigInt(costBasis.amountMinor - recognisedMinor(costBasis, credits - available - held, credits));
    deferred.set(costBasis.currency, (deferred.get(costBasis.currency) ?? 0n) + left);
  }
  for (const { currency, deferredClosing } of summary.money)
    same(faults, `deferred in ${currency}`, deferredClosing, Number(deferred.get(currency) ?? 0n));
  const statements = await Promise.all(states.slice(0, 20).map((state) => reads.statement(books, state.accountId, {})));
  for (const [index, statement] of statements.entries()) {
    const state = states[index] as AccountState;
    same(faults, `statement of ${state.accountId}`, [statement?.closing.available, statement?.closing.held], [state.available, state.held]);
  }
  return faults;
}

/** The journal for hledger, piece by piece, as the API streams it. */
export async function* hledgerText(reads: FinanceReads, books: Books): AsyncGenerator<string> {
  yield* exportAs('hledger', await reads.exportJournal(books, { wholeEntries: true }));
}

/** Every figure that both know, at the end of everything and at the end of each month. */
export async function agrees(reads: FinanceReads, books: Books, until: number | null, balances: HledgerBalances): Promise<Faults> {
  const faults: Faults = [];
  const when = until === null ? 'the end' : `the end of ${monthOf(until - 1)}`;
  const summary = await reads.summary(books, until === null ? {} : { to: until }, null);
  const expect = (what: string, account: string | RegExp, commodity: string, value: number | null): void => {
    const actual = balanceOf(balances, account, commodity, decimalsOf(commodity));
    if (actual !== BigInt(value ?? 0)) faults.push(`${what} at ${when}: hledger has ${actual}, the summary ${value ?? 0}`);
  };
  for (const row of summary.credits.slice(0, -1)) {
    const { bucket, closing } = row;
    expect(`${bucket} available`, new RegExp(`^customer:.*:${bucket}:available$`), 'CREDIT', closing?.available ?? 0);
    expect(`${bucket} held`, new RegExp(`^customer:.*:${bucket}:held$`), 'CREDIT', closing?.held ?? 0);
    expect(`${bucket} issued`, `issued:${bucket}`, 'CREDIT', -row.granted);
    expect(`${bucket} expired`, `expired:${bucket}`, 'CREDIT', row.expired);
    expect(`${bucket} revoked`, new RegExp(`^revoked:${bucket}$`), 'CREDIT', row.revoked);
    expect(`${bucket} adjusted`, `adjusted:${bucket}`, 'CREDIT', -row.adjusted);
  }
  expect('debt', 'debt', 'CREDIT', -summary.debt.closing);
  for (const row of summary.money) {
    const { currency } = row;
    expect('deferred', 'liabilities:deferred-revenue', currency, -(row.deferredClosing ?? 0));
    expect('recognised', 'revenue:usage', currency, -row.recognised);
    expect('breakage', 'revenue:breakage', currency, -(row.breakage - row.breakageReversed));
    expect('receivable', 'assets:receivable', currency, row.receivable);
    expect('provider cost', 'expenses:provider', currency, row.providerCost);
    expect('absorbed cost', 'expenses:absorbed', currency, row.absorbedCost);
    expect('unmatched cost', 'expenses:unmatched', currency, row.unmatchedCost);
  }
  for (const { model, currency, recognised } of summary.models)
    if (currency !== null) expect(`${model} recognised`, `revenue:usage:${model}`, currency, -recognised);
  for (const model of new Set(summary.models.map((row) => row.model)))
    expect(`${model} credits`, `consumed:${model}`, 'CREDIT', summary.models.find((row) => row.model === model)?.credits ?? 0);
  return faults;
}
