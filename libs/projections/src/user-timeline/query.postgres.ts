// query · one user's timeline, newest first; called by read-models.postgres.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { Page, PageQuery, TimelineEntryView, Visibility } from '../read-models.port.js';
import type { TimelineKind } from './entries-of.js';

interface TimelineRow {
  position: string;
  ordinal: number;
  at: Date;
  kind: TimelineKind;
  account_id: string;
  task_id: string;
  type: string;
  summary: string;
  credits: string;
  event_id: string;
}

/** Null for a user that nothing is known of, or nothing that the caller may see. */
export async function userHistory(
  pool: pg.Pool,
  who: Visibility,
  userId: string,
  page: PageQuery,
): Promise<Page<TimelineEntryView> | null> {
  if (userId.includes('\0')) return null;
  const where = new Conditions().add('tenant = ?', who.tenant).add('user_id = ?', userId);
  if (who.accounts !== null) where.add('account_id = ANY(?)', who.accounts);
  const known = await pool.query(`SELECT 1 FROM user_timeline WHERE ${where.toString()} LIMIT 1`, [...where.values]);
  if (known.rowCount === 0) return null;
  if (page.cursor !== null) {
    const [position, ordinal] = decodeCursor('user-history', page.cursor, ['string', 'integer']);
    where.require(`(position, ordinal) < (${where.param(position)}::text COLLATE "C", ${where.param(ordinal)}::int8)`);
  }
  const limit = where.param(page.limit + 1);
  const { rows } = await pool.query<TimelineRow>(
    `SELECT position, ordinal, at, kind, account_id, task_id, type, summary, credits, event_id FROM user_timeline WHERE ${where.toString()}
      ORDER BY position DESC, ordinal DESC LIMIT ${limit}`,
    where.values,
  );
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return { data: shown.map(viewOf), nextCursor: last === undefined ? null : encodeCursor('user-history', [last.position, last.ordinal]) };
}

function viewOf(row: TimelineRow): TimelineEntryView {
  return {
    at: toIso(row.at.getTime()),
    kind: row.kind,
    accountId: row.account_id,
    taskId: row.task_id,
    type: row.type,
    summary: row.summary,
    credits: Number(row.credits),
    position: row.position,
    eventId: row.event_id,
  };
}
