// query · attempts as records of the log, in the order of their creation, a batch at a time; called by studio-reads.postgres.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import type { AttemptFilter, AttemptRecord, StudioVisibility } from '#libs/studio';
import { promptVersionIs } from './cells.query.postgres.js';
import { recordOfAttempt } from './clip-view.js';
import { plain, visible } from './clips.query.postgres.js';
import { attemptOf } from './rows.js';

const BATCH_ROWS = 1_000;

/** Keyset by creation and id, so that what is written meanwhile moves nothing. */
export async function* attemptRecords(pool: pg.Pool, who: StudioVisibility, filter: AttemptFilter): AsyncGenerator<AttemptRecord[]> {
  let after: { createdAt: string; clipId: string } | null = null;
  for (;;) {
    const where = visible(who, 'a.').require(`a.state <> ''`);
    let join = '';
    for (const column of ['campaign', 'channel', 'format'] as const) {
      const value = filter[column];
      if (value === undefined) continue;
      join = 'JOIN brief AS b ON b.tenant = a.tenant AND b.brief_id = a.brief_id';
      where.add(`b.${column} = ?`, plain(value));
    }
    if (filter.briefId !== undefined) where.add('a.brief_id = ?', plain(filter.briefId));
    if (filter.model !== undefined) where.add('a.model = ?', plain(filter.model));
    if (filter.promptVersion !== undefined) where.require(promptVersionIs(filter.promptVersion, where));
    if (filter.from !== undefined) where.add('a.created_at >= ?', toIso(filter.from));
    if (filter.to !== undefined) where.add('a.created_at < ?', toIso(filter.to));
    if (after !== null) {
      const key = `${where.param(after.createdAt)}::timestamptz, ${where.param(after.clipId)}::text COLLATE "C"`;
      where.require(`(a.created_at, a.clip_id) > (${key})`);
    }
    const { rows }: pg.QueryResult<{ created_at: Date; clip_id: string; document: string }> = await pool.query(
      `SELECT a.created_at, a.clip_id, a.document FROM attempt AS a ${join}
        WHERE ${where.toString()} ORDER BY a.created_at, a.clip_id LIMIT ${BATCH_ROWS}`,
      where.values,
    );
    if (rows.length > 0) yield rows.map(({ document }) => recordOfAttempt(attemptOf(document)));
    const last = rows.at(-1);
    if (last === undefined || rows.length < BATCH_ROWS) return;
    after = { createdAt: toIso(last.created_at.getTime()), clipId: last.clip_id };
  }
}
