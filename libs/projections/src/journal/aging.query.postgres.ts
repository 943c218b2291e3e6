// query · what is outstanding and for how long yet: grants by time to their end, holds by age; called by finance-reads.postgres.ts.
import type pg from 'pg';
import { moneyList, toIso, type InstantMs } from '#libs/kernel';
import { BUCKETS, type Bucket } from '#libs/ledger';
import { AGING_BANDS, HOLD_BANDS, type AgingBand, type AgingView, type Books, type HoldBand } from '#libs/finance';
import { Conditions } from '../conditions.js';

const DAY = 86_400;

/** Live grants only: what is outstanding is no larger for all that was granted before. What is held of a lapsed grant is in no band. */
function selectBands(where: Conditions, at: string): string {
  return `
  SELECT bucket, CASE WHEN expires_at IS NULL THEN 'never'
                      WHEN expires_at <= ${at} + interval '7 days' THEN '7d'
                      WHEN expires_at <= ${at} + interval '30 days' THEN '30d'
                      WHEN expires_at <= ${at} + interval '90 days' THEN '90d'
                      WHEN expires_at <= ${at} + interval '365 days' THEN '365d'
                      ELSE 'later' END AS band, sum(available + held) AS credits
    FROM balance_grant WHERE ${where.toString()} AND live AND (expires_at IS NULL OR expires_at > ${at}) GROUP BY 1, 2`;
}

/** B − ⌊B·x/N⌋ of every grant that is not used up; used-up ones defer nothing. */
function selectDeferred(where: Conditions): string {
  return `
  SELECT currency, sum(amount_minor - div(amount_minor::numeric * (credits - available - held), credits)) AS amount
    FROM balance_grant WHERE ${where.toString()} AND live AND currency IS NOT NULL GROUP BY currency`;
}

function selectHolds(where: Conditions, at: string): string {
  return `
  SELECT CASE WHEN age <= 900 THEN '15m' WHEN age <= 3600 THEN '1h' WHEN age <= ${DAY} THEN '24h' WHEN age <= ${7 * DAY} THEN '7d' ELSE 'older' END AS band,
         count(*) AS count, sum(credits) AS credits, cost
    FROM (SELECT extract(epoch FROM ${at} - held_at) AS age, credits, cost FROM journal_hold WHERE ${where.toString()}) AS h
   GROUP BY 1, cost`;
}

/** Streams of one tenant are a range of text: `account-t.` up to `account-t/`. */
function grantsOf(books: Books): Conditions {
  const where = new Conditions();
  if (books.accounts !== null)
    return where.add(
      'stream = ANY(?::text[])',
      books.accounts.map((id) => `account-${books.tenant}.${id}`),
    );
  return where.add('stream >= ?', `account-${books.tenant}.`).add('stream < ?', `account-${books.tenant}/`);
}

function holdsOf(books: Books): Conditions {
  const where = new Conditions().add('tenant = ?', books.tenant);
  return books.accounts === null ? where : where.add('account_id = ANY(?::text[])', books.accounts);
}

export async function agingOf(client: pg.ClientBase, books: Books, at: InstantMs): Promise<Omit<AgingView, 'position'>> {
  const ofBands = grantsOf(books);
  const bands = selectBands(ofBands, `${ofBands.param(toIso(at))}::timestamptz`);
  const outstanding = await client.query<{ bucket: Bucket; band: AgingBand; credits: string }>(bands, ofBands.values);
  const ofDeferred = grantsOf(books);
  const deferred = await client.query<{ currency: string; amount: string }>(selectDeferred(ofDeferred), ofDeferred.values);
  const ofHolds = holdsOf(books);
  const held = selectHolds(ofHolds, `${ofHolds.param(toIso(at))}::timestamptz`);
  const holds = await client.query<{ band: HoldBand; count: string; credits: string; cost: string }>(held, ofHolds.values);
  return {
    at: toIso(at),
    buckets: BUCKETS.map((bucket) => {
      const rows = outstanding.rows.filter((row) => row.bucket === bucket);
      const credits = (band: AgingBand): number => Number(rows.find((row) => row.band === band)?.credits ?? 0);
      const byBand = Object.fromEntries(AGING_BANDS.map((band) => [band, credits(band)])) as Record<AgingBand, number>;
      return { bucket, credits: rows.reduce((sum, row) => sum + Number(row.credits), 0), bands: byBand };
    }),
    deferred: deferred.rows
      .map(({ currency, amount }) => ({ currency, amountMinor: Number(amount) }))
      .filter(({ amountMinor }) => amountMinor !== 0)
      .sort((a, b) => (a.currency < b.currency ? -1 : 1)),
    holds: HOLD_BANDS.map((band) =>
      holdBand(
        band,
        holds.rows.filter((row) => row.band === band),
      ),
    ),
  };
}

/** Rows of a band with the same cost stand as one. */
function holdBand(band: HoldBand, rows: ReadonlyArray<{ count: string; credits: string; cost: string }>): AgingView['holds'][number] {
  const money = new Map<string, number>();
  let count = 0;
  let credits = 0;
  for (const row of rows) {
    count += Number(row.count);
    credits += Number(row.credits);
    for (const [currency, amount] of Object.entries(JSON.parse(row.cost) as Record<string, number>))
      money.set(currency, (money.get(currency) ?? 0) + amount * Number(row.count));
  }
  return { band, count, credits, money: moneyList(money).filter(({ amountMinor }) => amountMinor !== 0) };
}
