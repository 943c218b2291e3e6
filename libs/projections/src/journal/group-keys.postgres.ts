// query · which groups a page of a summary shows, found without reading what is in them; called by summary.query.postgres.ts.
import type pg from 'pg';
import { dayOf, dayStart, monthStart, type Books, type Range } from '#libs/finance';

/** Steps from one key to the next through the index: a page of keys costs a page of look-ups, however many rows each key has. */
const SKIP_ACCOUNTS = `
  WITH RECURSIVE step(account_id) AS (
    (SELECT account_id FROM journal_credit WHERE tenant = $1 AND account_id > $2 ORDER BY account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT n.account_id FROM journal_credit AS n WHERE n.tenant = $1 AND n.account_id > step.account_id ORDER BY n.account_id LIMIT 1)
      FROM step WHERE step.account_id IS NOT NULL)
  SELECT s.account_id FROM step AS s
   WHERE s.account_id IS NOT NULL
     AND EXISTS (SELECT FROM journal_credit AS c WHERE c.tenant = $1 AND c.account_id = s.account_id AND c.grain = 'm' AND c.starts_on < $3::date)
   LIMIT $4`;

const EVER = '0001-01-01';
const FOREVER = '9998-12-31';

/** Accounts that anything was posted for before the range ends. */
export async function accountsFrom(
  client: pg.ClientBase,
  books: Books,
  range: Range,
  after: string | null,
  limit: number,
): Promise<string[]> {
  const before = range.to === undefined ? FOREVER : dayOf(range.to + 86_399_999);
  if (books.accounts !== null) {
    const wanted = [...books.accounts].sort().filter((id) => after === null || id > after);
    const { rows } = await client.query<{ account_id: string }>(
      `SELECT DISTINCT account_id FROM journal_credit
        WHERE tenant = $1 AND account_id = ANY($2::text[]) AND grain = 'm' AND starts_on < $3::date ORDER BY account_id LIMIT $4`,
      [books.tenant, wanted, before, limit],
    );
    return rows.map((row) => row.account_id);
  }
  const { rows } = await client.query<{ account_id: string }>(SKIP_ACCOUNTS, [books.tenant, after ?? '', before, limit]);
  return rows.map((row) => row.account_id);
}

/** Of single accounts there are no totals by day: their own postings say which days there are. */
const midnight = (date: string): string => `((${date})::timestamp AT TIME ZONE 'UTC')`;
const SELECT_DAYS_OF = `
  SELECT DISTINCT to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS key FROM journal_posting
   WHERE tenant = $1 AND account_id = ANY($2::text[]) AND effective_at >= ${midnight('$3::date')}
     AND effective_at < ${midnight('$4::date + 1')} AND effective_at >= ${midnight('$5::date + 1')}
   ORDER BY key LIMIT $6`;

/** Days or months with totals inside the range, oldest first, as their keys are shown. */
export async function daysFrom(
  client: pg.ClientBase,
  books: Books,
  range: Range,
  by: 'day' | 'month',
  after: string | null,
  limit: number,
): Promise<string[]> {
  const start = by === 'day' ? dayStart : monthStart;
  const first = range.from === undefined ? EVER : dayOf(start(range.from));
  const last = range.to === undefined ? FOREVER : dayOf(start(range.to - 1));
  const seen = after === null ? EVER : by === 'day' ? after : `${after}-01`;
  if (by === 'day' && books.accounts !== null) {
    const { rows } = await client.query<{ key: string }>(SELECT_DAYS_OF, [books.tenant, books.accounts, first, last, seen, limit]);
    return rows.map((row) => row.key);
  }
  const values = [books.tenant, books.accounts ?? [''], by === 'day' ? 'd' : 'm', first, last, seen, limit];
  const condition = `tenant = $1 AND account_id = ANY($2::text[]) AND grain = $3 AND starts_on >= $4::date AND starts_on <= $5::date AND starts_on > $6::date`;
  const { rows } = await client.query<{ key: string }>(
    `SELECT to_char(starts_on, '${by === 'day' ? 'YYYY-MM-DD' : 'YYYY-MM'}') AS key FROM (
       SELECT starts_on FROM journal_credit WHERE ${condition} UNION SELECT starts_on FROM journal_money WHERE ${condition}) AS t
      ORDER BY starts_on LIMIT $7`,
    values,
  );
  return rows.map((row) => row.key);
}
