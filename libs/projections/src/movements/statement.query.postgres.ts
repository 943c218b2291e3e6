// query · an account's statement: what it had, what moved by type and bucket, what it has; called by journal/finance-reads.postgres.ts.
import { toIso } from '#libs/kernel';
import { BUCKETS, MOVEMENT_TYPES, type Bucket, type MovementType } from '#libs/ledger';
import type { Books, Range, StatementBalance, StatementDayLine, StatementLine, StatementView } from '#libs/finance';
import { Conditions } from '../conditions.js';
import type { Snapshot } from '../journal/snapshot.postgres.js';
import { effectiveWithin } from '../journal/sums.postgres.js';
import { piecesOf } from '../journal/pieces.js';
import { accountStream, maySee } from '../visibility.js';

interface LineRow {
  date: string;
  type: MovementType;
  bucket: Bucket;
  count: string;
  credits: string;
  consumed: string;
  held: string;
}

/** By type and bucket, and by day where asked: whole days from totals, the rests of days from the movements themselves. */
async function linesOf({ client }: Snapshot, stream: string, range: Range, byDay: boolean): Promise<LineRow[]> {
  const pieces = piecesOf(range, 'days');
  const rows: LineRow[] = [];
  for (const { from, to } of pieces.days) {
    const where = new Conditions().add('stream = ?', stream);
    if (from !== null) where.add('starts_on >= ?::date', toIso(from).slice(0, 10));
    if (to !== null) where.add('starts_on < ?::date', toIso(to).slice(0, 10));
    const found = await client.query<LineRow>(
      `SELECT ${byDay ? 'starts_on::text' : `''`} AS date, type, bucket, sum(count) AS count, sum(credits) AS credits, sum(consumed) AS consumed,
              sum(held) AS held FROM movement_total WHERE ${where.toString()} GROUP BY 1, 2, 3`,
      where.values,
    );
    rows.push(...found.rows);
  }
  for (const span of pieces.instants) {
    const where = new Conditions().add('stream = ?', stream);
    where.require(effectiveWithin(where, span));
    const found = await client.query<LineRow>(
      `SELECT ${byDay ? `to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')` : `''`} AS date, type, bucket, count(*) AS count,
              sum(credits) AS credits, sum(consumed) AS consumed, sum(held) AS held FROM movement WHERE ${where.toString()} GROUP BY 1, 2, 3`,
      where.values,
    );
    rows.push(...found.rows);
  }
  return rows;
}

export async function statementOf(at: Snapshot, books: Books, accountId: string, range: Range): Promise<StatementView | null> {
  const stream = await streamOf(at, books, accountId);
  if (stream === null) return null;
  const before = range.from === undefined ? [] : await linesOf(at, stream, { to: range.from }, false);
  const moved = await linesOf(at, stream, range, true);
  const opening = emptyBalance();
  for (const row of before) count(opening, row);
  const closing = structuredClone(opening);
  for (const row of moved) count(closing, row);
  return {
    accountId,
    from: range.from === undefined ? null : toIso(range.from),
    to: range.to === undefined ? null : toIso(range.to),
    position: at.position,
    opening,
    movements: merged(moved.map((row) => ({ ...row, date: '' }))).map(({ date: _, ...line }) => line),
    days: daysOf(opening.available, moved),
    closing,
  };
}

export async function statementDays(at: Snapshot, books: Books, accountId: string, range: Range): Promise<StatementDayLine[] | null> {
  const stream = await streamOf(at, books, accountId);
  return stream === null ? null : merged(await linesOf(at, stream, range, true));
}

async function streamOf({ client }: Snapshot, books: Books, accountId: string): Promise<string | null> {
  if (!maySee(books, accountId)) return null;
  const stream = accountStream(books, accountId);
  const { rowCount } = await client.query('SELECT 1 FROM balance_account WHERE stream = $1', [stream]);
  return rowCount === 0 ? null : stream;
}

function emptyBalance(): StatementBalance {
  const buckets = Object.fromEntries(BUCKETS.map((bucket) => [bucket, { available: 0, held: 0 }])) as StatementBalance['buckets'];
  return { available: 0, held: 0, buckets };
}

function count(balance: StatementBalance, { bucket, credits, held }: LineRow): void {
  for (const holding of [balance, balance.buckets[bucket]]) {
    holding.available += Number(credits);
    holding.held += Number(held);
  }
}

/** One line a day, type and bucket, in the order of days, then of the types and buckets as the contract names them. */
function merged(rows: readonly LineRow[]): StatementDayLine[] {
  const lines = new Map<string, StatementDayLine>();
  for (const { date, type, bucket, ...figures } of rows) {
    const key = `${date} ${type} ${bucket}`;
    const line: StatementLine = lines.get(key) ?? { type, bucket, count: 0, credits: 0, consumed: 0 };
    line.count += Number(figures.count);
    line.credits += Number(figures.credits);
    line.consumed += Number(figures.consumed);
    lines.set(key, { date, ...line });
  }
  const order = (line: StatementDayLine): number => MOVEMENT_TYPES.indexOf(line.type) * BUCKETS.length + BUCKETS.indexOf(line.bucket);
  return [...lines.values()].sort((a, b) => (a.date === b.date ? order(a) - order(b) : a.date < b.date ? -1 : 1));
}

function daysOf(opening: number, rows: readonly LineRow[]): StatementView['days'] {
  const days = new Map<string, { credits: number; consumed: number }>();
  for (const { date, credits, consumed } of rows) {
    const day = days.get(date) ?? { credits: 0, consumed: 0 };
    day.credits += Number(credits);
    day.consumed += Number(consumed);
    days.set(date, day);
  }
  let available = opening;
  return [...days]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([date, { credits, consumed }]) => {
      const before = available;
      available += credits;
      return { date, opening: before, credits, consumed, closing: available };
    });
}
