// Finance · what sums of figures come to as rows of a summary, each held against the balances before it is shown; called by the summary's query. Pure.
import { invariant } from '#libs/kernel';
import { BUCKETS } from '#libs/ledger';
import type { CreditFigure, MoneyFigure } from './figures.js';
import type { CreditRow, Holding, ModelRow, MoneyRow } from './finance.views.js';

/** Sums of any size: a year of a whole deployment passes what a number counts exactly. A figure that is absent is 0. */
export type CreditSums = Partial<Record<CreditFigure, bigint>>;
export type MoneySums = Partial<Record<MoneyFigure, bigint>>;

export function addSums<Figure extends string>(into: Partial<Record<Figure, bigint>>, sums: Partial<Record<Figure, bigint>>): void {
  for (const figure in sums) into[figure] = (into[figure] ?? 0n) + (sums[figure] ?? 0n);
}

/** An answer is exact or there is none. */
function shown(value: bigint, what: string): number {
  const number = Number(value);
  invariant(Number.isSafeInteger(number), () => `${what} is ${value}, which no JSON number shows exactly`);
  return number;
}

function heldOf(sums: CreditSums): bigint {
  return (sums.reserved ?? 0n) - (sums.unheld ?? 0n);
}

function holding(sums: CreditSums, what: string): Holding {
  return { available: shown(sums.available ?? 0n, `${what} available`), held: shown(heldOf(sums), `${what} held`) };
}

/** `opening` null: a row without balances. Throws where opening and changes do not make the balance that the postings make. */
export function creditRow(bucket: CreditRow['bucket'], opening: CreditSums | null, changes: CreditSums): CreditRow {
  const of = (figure: CreditFigure): bigint => changes[figure] ?? 0n;
  const released = of('unheld') - of('consumed');
  const row: Omit<CreditRow, 'opening' | 'closing'> = {
    bucket,
    granted: shown(of('granted'), 'granted'),
    adjusted: shown(of('adjusted'), 'adjusted'),
    reserved: shown(of('reserved'), 'reserved'),
    released: shown(released, 'released'),
    consumed: shown(of('consumed'), 'consumed'),
    returned: shown(of('returned'), 'returned'),
    refunded: shown(released + of('returned'), 'refunded'),
    repaid: shown(of('repaid'), 'repaid'),
    expired: shown(of('expired'), 'expired'),
    revoked: shown(of('revoked'), 'revoked'),
  };
  if (opening === null) return { ...row, opening: null, closing: null };
  const expected =
    of('granted') + of('adjusted') - of('reserved') + released + of('returned') - of('repaid') - of('expired') - of('revoked');
  invariant(of('available') === expected, () => `${bucket}: the balance moved by ${of('available')}, its movements come to ${expected}`);
  const closing: CreditSums = { ...opening };
  addSums(closing, { available: of('available'), reserved: of('reserved'), unheld: of('unheld') });
  return ordered({ ...row, opening: holding(opening, 'opening'), closing: holding(closing, 'closing') });
}

function ordered({ bucket, opening, closing, ...changes }: CreditRow): CreditRow {
  return { bucket, opening, ...changes, closing };
}

/** One row a bucket, then one of all: the sum of the others, because every movement of credits is of a bucket. */
export function creditRows(opening: ReadonlyMap<string, CreditSums> | null, changes: ReadonlyMap<string, CreditSums>): CreditRow[] {
  const allOpening: CreditSums = {};
  const allChanges: CreditSums = {};
  const rows = BUCKETS.map((bucket) => {
    const before = opening === null ? null : (opening.get(bucket) ?? {});
    const moved = changes.get(bucket) ?? {};
    if (before !== null) addSums(allOpening, before);
    addSums(allChanges, moved);
    return creditRow(bucket, before, moved);
  });
  return [...rows, creditRow('all', opening === null ? null : allOpening, allChanges)];
}

/** Null where every figure is zero: a currency is listed only where it says something. */
export function moneyRow(currency: string, opening: MoneySums | null, changes: MoneySums): MoneyRow | null {
  const of = (figure: MoneyFigure): bigint => changes[figure] ?? 0n;
  const moved = of('deferred') - of('recognised') - of('breakage') - of('moneyRevoked') - of('moneyAdjusted') - of('moneyRepaid');
  invariant(
    of('outstanding') === moved,
    () => `${currency}: deferred revenue moved by ${of('outstanding')}, its movements come to ${moved}`,
  );
  const before = opening?.outstanding ?? 0n;
  const receivable = (opening?.receivable ?? 0n) + of('receivable');
  const row: MoneyRow = {
    currency,
    deferredOpening: opening === null ? null : shown(before, 'deferredOpening'),
    deferred: shown(of('deferred'), 'deferred'),
    recognised: shown(of('recognised'), 'recognised'),
    breakage: shown(of('breakage'), 'breakage'),
    breakageReversed: shown(of('breakageReversed'), 'breakageReversed'),
    revoked: shown(of('moneyRevoked'), 'revoked'),
    adjusted: shown(of('moneyAdjusted'), 'adjusted'),
    repaid: shown(of('moneyRepaid'), 'repaid'),
    deferredClosing: opening === null ? null : shown(before + moved, 'deferredClosing'),
    receivable: opening === null ? null : shown(receivable, 'receivable'),
    providerCost: shown(of('providerCost'), 'providerCost'),
    absorbedCost: shown(of('absorbedCost'), 'absorbedCost'),
    unmatchedCost: shown(of('unmatchedCost'), 'unmatchedCost'),
    margin: shown(of('recognised') - of('providerCost') - of('absorbedCost') - of('unmatchedCost'), 'margin'),
  };
  return Object.values(row).some((value) => typeof value === 'number' && value !== 0) ? row : null;
}

/** One entry per currency, in code order. */
export function moneyRows(opening: ReadonlyMap<string, MoneySums> | null, changes: ReadonlyMap<string, MoneySums>): MoneyRow[] {
  const currencies = [...new Set([...(opening?.keys() ?? []), ...changes.keys()])].sort();
  return currencies
    .map((currency) => moneyRow(currency, opening === null ? null : (opening.get(currency) ?? {}), changes.get(currency) ?? {}))
    .filter((row) => row !== null);
}

/** Credits that a model used, net of goodwill: from balances, and those that became debt. */
export function creditsUsed(sums: CreditSums): bigint {
  return (sums.consumed ?? 0n) - (sums.returned ?? 0n) + (sums.consumedOnDebt ?? 0n);
}

/** One row per model and currency; a model without money has one without a currency. */
export function modelRows(
  credits: ReadonlyMap<string, CreditSums>,
  money: ReadonlyMap<string, ReadonlyMap<string, MoneySums>>,
): ModelRow[] {
  const models = [...new Set([...credits.keys(), ...money.keys()])].filter((model) => model !== '').sort();
  return models.flatMap((model) => {
    const used = shown(creditsUsed(credits.get(model) ?? {}), model);
    const rows = [...(money.get(model) ?? [])]
      .map(([currency, sums]) => modelRow(model, currency, used, sums))
      .filter((row) => row.recognised !== 0 || row.providerCost !== 0 || row.absorbedCost !== 0)
      .sort((a, b) => ((a.currency ?? '') < (b.currency ?? '') ? -1 : 1));
    if (rows.length > 0) return rows;
    return used === 0 ? [] : [modelRow(model, null, used, {})];
  });
}

function modelRow(model: string, currency: string | null, credits: number, sums: MoneySums): ModelRow {
  const recognised = shown(sums.recognised ?? 0n, 'recognised');
  const providerCost = shown(sums.providerCost ?? 0n, 'providerCost');
  const absorbedCost = shown(sums.absorbedCost ?? 0n, 'absorbedCost');
  return { model, currency, credits, recognised, providerCost, absorbedCost, margin: recognised - providerCost - absorbedCost };
}

/** A purchase's repayment and goodwill both lower it. */
export function debtRow(opening: CreditSums, changes: CreditSums): { opening: number; recorded: number; repaid: number; closing: number } {
  const settled = (sums: CreditSums): bigint => (sums.repaid ?? 0n) + (sums.debtForgiven ?? 0n);
  const before = (opening.debtRecorded ?? 0n) - settled(opening);
  const recorded = changes.debtRecorded ?? 0n;
  return {
    opening: shown(before, 'debt'),
    recorded: shown(recorded, 'debt recorded'),
    repaid: shown(settled(changes), 'debt repaid'),
    closing: shown(before + recorded - settled(changes), 'debt'),
  };
}
