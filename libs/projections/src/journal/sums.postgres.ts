// query · sums of the journal's figures over a range, grouped by what the caller names; the one place where totals and postings are put together.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import {
  addSums,
  CREDIT,
  CREDIT_FIGURES,
  dayOf,
  figureSign,
  isCreditFigure,
  MONEY_FIGURES,
  type Books,
  type CreditFigure,
  type CreditSums,
  type Figure,
  type MoneyFigure,
  type MoneySums,
  type Range,
} from '#libs/finance';
import { Conditions } from '../conditions.js';
import { CREDIT_COLUMNS, MONEY_COLUMNS } from './columns.js';
import { piecesOf, type Grains, type Pieces, type Span } from './pieces.js';

/** What sums can be grouped by, beside bucket and currency. */
export type SumKey = 'none' | 'day' | 'month' | 'model' | 'plan' | 'account';

export interface Sums {
  /** key → bucket → figures. */
  credits: Map<string, Map<string, CreditSums>>;
  /** key → currency → figures. */
  money: Map<string, Map<string, MoneySums>>;
  /** key → bucket → currency → figures. */
  moneyByBucket: Map<string, Map<string, Map<string, MoneySums>>>;
}

export interface SumQuery {
  books: Books;
  range: Range;
  key: SumKey;
  /** Only these keys of `account`. */
  accounts?: readonly string[];
}

const OF_TOTAL: Record<SumKey, string> = {
  none: `''`,
  day: `to_char(starts_on, 'YYYY-MM-DD')`,
  month: `to_char(starts_on, 'YYYY-MM')`,
  model: 'model',
  plan: 'plan',
  account: 'account_id',
};

const UTC = `(effective_at AT TIME ZONE 'UTC')`;
const OF_POSTING: Record<Exclude<SumKey, 'model'>, string> = {
  none: `''`,
  day: `to_char(${UTC}, 'YYYY-MM-DD')`,
  month: `to_char(${UTC}, 'YYYY-MM')`,
  plan: `coalesce(plan, '')`,
  account: `coalesce(account_id, '')`,
};

export async function sumFigures(client: pg.ClientBase, query: SumQuery): Promise<Sums> {
  const sums: Sums = { credits: new Map(), money: new Map(), moneyByBucket: new Map() };
  const pieces = piecesOf(query.range, grainsOf(query));
  if (pieces.months.length + pieces.days.length > 0) {
    await addCreditTotals(client, query, pieces, sums);
    await addMoneyTotals(client, query, pieces, sums);
  }
  for (const span of pieces.instants) await addPostings(client, query, span, sums);
  return sums;
}

/** Of single accounts there are totals by month alone. */
function grainsOf({ books, key, accounts }: SumQuery): Grains {
  const ofAccounts = key === 'account' || accounts !== undefined || books.accounts !== null;
  if (key === 'day') return ofAccounts ? 'none' : 'days';
  return ofAccounts ? 'months' : 'days and months';
}

/** All of the tenant's are one account's rows, so a deployment of a hundred thousand customers adds up no slower than one of ten. */
function totalsOf({ books, key, accounts }: SumQuery, pieces: Pieces): Conditions {
  const where = new Conditions().add('tenant = ?', books.tenant);
  const wanted = accounts ?? books.accounts;
  if (wanted !== null) where.add('account_id = ANY(?::text[])', wanted);
  else where.require(key === 'account' ? `account_id <> ''` : `account_id = ''`);
  const spans = (grain: string, list: readonly Span[]): string[] =>
    list.map(({ from, to }) =>
      [
        `grain = '${grain}'`,
        ...(from === null ? [] : [`starts_on >= ${where.param(dayOf(from))}::date`]),
        ...(to === null ? [] : [`starts_on < ${where.param(dayOf(to))}::date`]),
      ].join(' AND '),
    );
  return where.require(`((${[...spans('m', pieces.months), ...spans('d', pieces.days)].join(') OR (')}))`);
}

type TotalRow = Record<string, string>;

async function addCreditTotals(client: pg.ClientBase, query: SumQuery, pieces: Pieces, sums: Sums): Promise<void> {
  const where = totalsOf(query, pieces);
  const { rows } = await client.query<TotalRow>(
    `SELECT ${OF_TOTAL[query.key]} AS key, bucket, ${CREDIT_COLUMNS.map((column) => `sum(${column}) AS ${column}`).join(', ')}
       FROM journal_credit WHERE ${where.toString()} GROUP BY 1, 2`,
    where.values,
  );
  for (const row of rows) {
    const figures: CreditSums = {};
    for (const [index, figure] of CREDIT_FIGURES.entries()) figures[figure] = BigInt(row[CREDIT_COLUMNS[index] as string] as string);
    addCredits(sums, row['key'] as string, row['bucket'] as string, figures);
  }
}

async function addMoneyTotals(client: pg.ClientBase, query: SumQuery, pieces: Pieces, sums: Sums): Promise<void> {
  const where = totalsOf(query, pieces);
  const { rows } = await client.query<TotalRow>(
    `SELECT ${OF_TOTAL[query.key]} AS key, bucket, currency, ${MONEY_COLUMNS.map((column) => `sum(${column}) AS ${column}`).join(', ')}
       FROM journal_money WHERE ${where.toString()} GROUP BY 1, 2, 3`,
    where.values,
  );
  for (const row of rows) {
    const figures: MoneySums = {};
    for (const [index, figure] of MONEY_FIGURES.entries()) figures[figure] = BigInt(row[MONEY_COLUMNS[index] as string] as string);
    addMoney(sums, row['key'] as string, row['bucket'] as string, row['currency'] as string, figures);
  }
}

/** A posting's instant, in the order of the key where it was recorded then, by an index of its own where it was not. */
export function effectiveWithin(where: Conditions, { from, to }: Span): string {
  const within = (column: string): string =>
    [
      ...(from === null ? [] : [`${column} >= ${where.param(toIso(from))}::timestamptz`]),
      ...(to === null ? [] : [`${column} < ${where.param(toIso(to))}::timestamptz`]),
    ].join(' AND ');
  return `((effective_at = recorded_at AND ${within('recorded_at')}) OR (effective_at <> recorded_at AND ${within('effective_at')}))`;
}

/** Part of one day at most, or part of one account's month. */
async function addPostings(client: pg.ClientBase, query: SumQuery, span: Span, sums: Sums): Promise<void> {
  const where = new Conditions().add('tenant = ?', query.books.tenant);
  const wanted = query.accounts ?? query.books.accounts;
  if (wanted !== null) where.add('account_id = ANY(?::text[])', wanted);
  where.require(effectiveWithin(where, span));
  const key = query.key === 'model' ? `''` : OF_POSTING[query.key];
  const { rows } = await client.query<{
    key: string;
    bucket: string | null;
    model: string | null;
    commodity: string;
    figures: string;
    shares: string | null;
    amount: string;
  }>(
    `SELECT ${key} AS key, bucket, model, commodity, figures, shares, sum(amount) AS amount
       FROM journal_posting WHERE ${where.toString()} GROUP BY 1, 2, 3, 4, 5, 6, CASE WHEN shares IS NOT NULL THEN (position, ordinal) END`,
    where.values,
  );
  for (const row of rows) {
    for (const flow of flowsOf(row)) {
      const of = query.key === 'model' ? (flow.model ?? '') : row.key;
      const sum = { [flow.figure]: flow.amount * BigInt(figureSign(flow.figure)) };
      if (isCreditFigure(flow.figure) && row.commodity === CREDIT) addCredits(sums, of, row.bucket ?? '', sum);
      else addMoney(sums, of, row.bucket ?? '', row.commodity, sum);
    }
  }
}

function flowsOf(row: {
  model: string | null;
  figures: string;
  shares: string | null;
  amount: string;
}): Array<{ figure: Figure; model: string | null; amount: bigint }> {
  if (row.shares !== null)
    return (JSON.parse(row.shares) as Array<{ f: Figure; m: string | null; a: number }>).map(({ f, m, a }) => ({
      figure: f,
      model: m,
      amount: BigInt(a),
    }));
  if (row.figures === '') return [];
  return row.figures
    .split(' ')
    .map((figure) => ({ figure: figure as CreditFigure | MoneyFigure, model: row.model, amount: BigInt(row.amount) }));
}

function addCredits(sums: Sums, key: string, bucket: string, figures: CreditSums): void {
  addSums(
    within(
      within(sums.credits, key, () => new Map<string, CreditSums>()),
      bucket,
      (): CreditSums => ({}),
    ),
    figures,
  );
}

function addMoney(sums: Sums, key: string, bucket: string, currency: string, figures: MoneySums): void {
  addSums(
    within(
      within(sums.money, key, () => new Map<string, MoneySums>()),
      currency,
      (): MoneySums => ({}),
    ),
    figures,
  );
  const byBucket = within(sums.moneyByBucket, key, () => new Map<string, Map<string, MoneySums>>());
  addSums(
    within(
      within(byBucket, bucket, () => new Map<string, MoneySums>()),
      currency,
      (): MoneySums => ({}),
    ),
    figures,
  );
}

/** What stands under the key, made if nothing does. */
function within<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
