// query · postings in log order: pages of a list, and a whole journal as of one position for exports; called by finance-reads.postgres.ts.
import type pg from 'pg';
import type { Position } from '#libs/event-store';
import { toIso } from '#libs/kernel';
import type { Bucket } from '#libs/ledger';
import type { Books, JournalExport, ListPage, PostingFilter, PostingView } from '#libs/finance';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';

export interface StoredPosting {
  recorded_at: Date;
  position: string;
  ordinal: number;
  effective_at: Date;
  original_effective_at: Date | null;
  account: string;
  commodity: string;
  amount: string;
  event_id: string;
  event_type: string;
  account_id: string | null;
  bucket: Bucket | null;
  grant_id: string | null;
  task_id: string | null;
  model: string | null;
  provider: string | null;
}

const COLUMNS = `recorded_at, position, ordinal, effective_at, original_effective_at, account, commodity, amount, event_id, event_type, account_id, bucket,
  grant_id, task_id, model, provider`;

/** Clocks of two processes may differ by as much: nothing takes effect this long after it is recorded. */
const CLOCKS_APART_MS = 3_600_000;

interface Key {
  recordedAtMs: number;
  position: string;
  ordinal: number;
}

function matching(books: Books, filter: PostingFilter): Conditions {
  const where = new Conditions().add('tenant = ?', books.tenant);
  const { account, accountId, commodity, from, to } = filter;
  if (books.accounts !== null) where.add('account_id = ANY(?::text[])', books.accounts);
  if (accountId !== undefined) where.add('account_id = ?', accountId);
  if (account !== undefined) {
    const customer = customerOf(account);
    if (customer !== null && accountId === undefined) where.add('account_id = ?', customer);
    const touches = (column: string): string =>
      `(${column} = ${where.param(account)} OR starts_with(${column}, ${where.param(`${account}:`)}))`;
    if (filter.wholeEntries !== true) where.require(touches('account'));
    else where.require(TOUCHED.replace('?', touches('t.account')));
  }
  if (commodity !== undefined) where.add('commodity = ?', commodity);
  // The key begins with the instant of record: what took effect from an instant on was recorded not much before it.
  if (from !== undefined) where.add('effective_at >= ?', toIso(from)).add('recorded_at >= ?', toIso(Math.max(0, from - CLOCKS_APART_MS)));
  if (to !== undefined) where.add('effective_at < ?', toIso(to));
  return where;
}

const TOUCHED = `EXISTS (SELECT FROM journal_posting AS t WHERE t.tenant = journal_posting.tenant AND t.recorded_at = journal_posting.recorded_at
    AND t.position = journal_posting.position AND ?)`;

/** Accounts that carry a customer's name hold that customer's postings alone: then an index finds them. */
function customerOf(account: string): string | null {
  return /^(?:customer|debt|assets:receivable):([^:]+)/.exec(account)?.[1] ?? null;
}

function after(where: Conditions, { recordedAtMs, position, ordinal }: Key): void {
  const key = [
    `${where.param(toIso(recordedAtMs))}::timestamptz`,
    `${where.param(position)}::text COLLATE "C"`,
    `${where.param(ordinal)}::int8`,
  ];
  where.require(`(recorded_at, position, ordinal) > (${key.join(', ')})`);
}

function keyOf(row: StoredPosting): Key {
  return { recordedAtMs: row.recorded_at.getTime(), position: row.position, ordinal: row.ordinal };
}

export async function listPostings(
  pool: pg.Pool,
  books: Books,
  filter: PostingFilter,
  page: ListPage,
): Promise<{ data: PostingView[]; nextCursor: string | null }> {
  const where = matching(books, filter);
  if (page.cursor !== null) {
    const [recordedAtMs, position, ordinal] = decodeCursor('journal', page.cursor, ['integer', 'string', 'integer']);
    after(where, { recordedAtMs: recordedAtMs as number, position: position as string, ordinal: ordinal as number });
  }
  const rows = await postingRows(pool, where, page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    data: shown.map(postingView),
    nextCursor: last === undefined ? null : encodeCursor('journal', Object.values(keyOf(last)) as Array<string | number>),
  };
}

async function postingRows(pool: pg.Pool, where: Conditions, limit: number): Promise<StoredPosting[]> {
  const { rows } = await pool.query<StoredPosting>(
    `SELECT ${COLUMNS} FROM journal_posting WHERE ${where.toString()} ORDER BY recorded_at, position, ordinal LIMIT ${where.param(limit)}`,
    where.values,
  );
  return rows;
}

export function postingView(row: StoredPosting): PostingView {
  return {
    id: `${row.position}/${row.ordinal}`,
    position: row.position,
    index: row.ordinal,
    effectiveAt: toIso(row.effective_at.getTime()),
    ...(row.original_effective_at !== null && { originalEffectiveAt: toIso(row.original_effective_at.getTime()) }),
    recordedAt: toIso(row.recorded_at.getTime()),
    account: row.account,
    commodity: row.commodity,
    amount: Number(row.amount),
    eventId: row.event_id,
    eventType: row.event_type,
    accountId: row.account_id,
    bucket: row.bucket,
    grantId: row.grant_id,
    taskId: row.task_id,
    model: row.model,
    provider: row.provider,
  };
}

const EXPORT_PAGE = 2_000;
const ACCOUNTS_PAGE = 1_000;

/**
 * Rows are only ever added, behind the last position, so pages up to a position are the same whenever they are read: no transaction is held
 * open for a slow client, and nothing but one page is held in memory.
 */
export async function exportPostings(pool: pg.Pool, books: Books, filter: PostingFilter, position: Position): Promise<JournalExport> {
  const { rows } = await pool.query<{ commodity: string }>('SELECT commodity FROM journal_commodity WHERE tenant = $1 ORDER BY commodity', [
    books.tenant,
  ]);
  const commodities = rows
    .map((row) => row.commodity)
    .filter((commodity) => filter.commodity === undefined || commodity === filter.commodity);
  return {
    position,
    commodities,
    accounts: () => accountPages(pool, books, filter),
    pages: () => postingPages(pool, books, filter, position),
  };
}

async function* postingPages(pool: pg.Pool, books: Books, filter: PostingFilter, position: Position): AsyncGenerator<PostingView[]> {
  let last: StoredPosting | undefined;
  for (;;) {
    const where = matching(books, filter).add('position <= ?', position);
    if (last !== undefined) after(where, keyOf(last));
    const rows = await postingRows(pool, where, EXPORT_PAGE);
    if (rows.length > 0) yield rows.map(postingView);
    last = rows.at(-1);
    if (rows.length < EXPORT_PAGE) return;
  }
}

async function* accountPages(pool: pg.Pool, books: Books, filter: PostingFilter): AsyncGenerator<string[]> {
  let last: string | undefined;
  for (;;) {
    const where = new Conditions().add('tenant = ?', books.tenant);
    const customers = filter.accountId === undefined ? books.accounts : [filter.accountId];
    if (customers !== null) where.add('(account_id IS NULL OR account_id = ANY(?::text[]))', customers);
    if (filter.account !== undefined && filter.wholeEntries !== true)
      where.require(`(account = ${where.param(filter.account)} OR starts_with(account, ${where.param(`${filter.account}:`)}))`);
    if (last !== undefined) where.add('account > ?', last);
    const { rows } = await pool.query<{ account: string }>(
      `SELECT account FROM journal_account WHERE ${where.toString()} ORDER BY account LIMIT ${where.param(ACCOUNTS_PAGE)}`,
      where.values,
    );
    if (rows.length > 0) yield rows.map((row) => row.account);
    last = rows.at(-1)?.account;
    if (rows.length < ACCOUNTS_PAGE) return;
  }
}
