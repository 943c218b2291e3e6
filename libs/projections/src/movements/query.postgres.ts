// query · the movements of one account, in log order or against it; called by read-models.postgres.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import type { Bucket, MovementType, MovementView } from '#libs/ledger';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { MovementListQuery, Page, Visibility } from '../read-models.port.js';
import { accountStream } from '../visibility.js';

interface MovementRow {
  recorded_at: Date;
  position: string;
  ordinal: number;
  effective_at: Date;
  type: MovementType;
  bucket: Bucket;
  grant_id: string;
  credits: string;
  consumed: string;
  available_before: string;
  available_after: string;
  task_id: string | null;
  reason: string | null;
  actor: string;
  event_id: string;
  causation_id: string | null;
  correlation_id: string;
}

/**
 * Nothing takes effect later than it is recorded, so `from` bounds the key too; clocks of two processes may differ by as much as this.
 */
const CLOCKS_APART_MS = 3_600_000;

export async function listMovements(
  pool: pg.Pool,
  who: Visibility,
  accountId: string,
  query: MovementListQuery,
): Promise<Page<MovementView>> {
  const where = new Conditions().add('stream = ?', accountStream(who, accountId));
  if (query.from !== undefined) {
    where.add('effective_at >= ?', toIso(query.from)).add('recorded_at >= ?', toIso(Math.max(0, query.from - CLOCKS_APART_MS)));
  }
  if (query.to !== undefined) where.add('effective_at < ?', toIso(query.to));
  if (query.bucket !== undefined) where.add('bucket = ?', query.bucket);
  if (query.type !== undefined) where.add('type = ?', query.type);
  if (query.taskId !== undefined) where.add('task_id = ?', query.taskId.replaceAll('\0', ''));
  const direction = query.order === 'asc' ? 'ASC' : 'DESC';
  if (query.cursor !== null) {
    const [recordedAtMs, position, ordinal] = decodeCursor(`movements:${query.order}`, query.cursor, ['integer', 'string', 'integer']);
    const key = [`${where.param(toIso(recordedAtMs as number))}::timestamptz`, `${where.param(position)}::text COLLATE "C"`];
    where.require(
      `(recorded_at, position, ordinal) ${query.order === 'asc' ? '>' : '<'} (${key.join(', ')}, ${where.param(ordinal)}::int8)`,
    );
  }
  const limit = where.param(query.limit + 1);
  const { rows } = await pool.query<MovementRow>(
    `SELECT recorded_at, position, ordinal, effective_at, type, bucket, grant_id, credits, consumed, available_before, available_after, task_id,
            reason, actor, event_id, causation_id, correlation_id
       FROM movement WHERE ${where.toString()}
      ORDER BY recorded_at ${direction}, position ${direction}, ordinal ${direction} LIMIT ${limit}`,
    where.values,
  );
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return {
    data: shown.map((row) => viewOf(accountId, row)),
    nextCursor:
      last === undefined ? null : encodeCursor(`movements:${query.order}`, [last.recorded_at.getTime(), last.position, last.ordinal]),
  };
}

function viewOf(accountId: string, row: MovementRow): MovementView {
  return {
    position: row.position,
    at: toIso(row.effective_at.getTime()),
    accountId,
    type: row.type,
    bucket: row.bucket,
    grantId: row.grant_id,
    credits: Number(row.credits),
    consumed: Number(row.consumed),
    recordedAt: toIso(row.recorded_at.getTime()),
    availableBefore: Number(row.available_before),
    availableAfter: Number(row.available_after),
    taskId: row.task_id,
    reason: row.reason,
    actor: row.actor,
    eventId: row.event_id,
    causationId: row.causation_id,
    correlationId: row.correlation_id,
  };
}
