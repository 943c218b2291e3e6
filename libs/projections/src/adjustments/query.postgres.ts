// query · adjustments as projected, newest first; called by read-models.postgres.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import type { AdjustmentStatus, AdjustmentView, Bucket } from '#libs/ledger';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { AdjustmentListQuery, Page, Visibility } from '../read-models.port.js';
import { maySee } from '../visibility.js';

interface AdjustmentRow {
  adjustment_id: string;
  account_id: string;
  bucket: Bucket;
  credits: string;
  reason: string;
  ticket: string;
  status: AdjustmentStatus;
  requested_by: string;
  approved_by: string | null;
  grant_id: string | null;
  created_at: Date;
  created_position: string;
  position: string;
}

const COLUMNS = `adjustment_id, account_id, bucket, credits, reason, ticket, status, requested_by, approved_by, grant_id, created_at,
  created_position, position`;

export async function listAdjustments(pool: pg.Pool, who: Visibility, query: AdjustmentListQuery): Promise<Page<AdjustmentView>> {
  if (query.accountId !== undefined && !maySee(who, query.accountId)) return { data: [], nextCursor: null };
  const where = new Conditions().add('tenant = ?', who.tenant);
  if (query.accountId !== undefined) where.add('account_id = ?', query.accountId);
  else if (who.accounts !== null) where.add('account_id = ANY(?)', who.accounts);
  if (query.status !== undefined) where.add('status = ?', query.status);
  if (query.cursor !== null) where.add('created_position < ?', decodeCursor('adjustments', query.cursor, ['string'])[0]);
  const limit = where.param(query.limit + 1);
  const { rows } = await pool.query<AdjustmentRow>(
    `SELECT ${COLUMNS} FROM adjustment WHERE ${where.toString()} ORDER BY created_position DESC LIMIT ${limit}`,
    where.values,
  );
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return { data: shown.map(viewOf), nextCursor: last === undefined ? null : encodeCursor('adjustments', [last.created_position]) };
}

export async function oneAdjustment(pool: pg.Pool, who: Visibility, adjustmentId: string): Promise<AdjustmentView | null> {
  const { rows } = await pool.query<AdjustmentRow>({
    name: 'adjustment',
    text: `SELECT ${COLUMNS} FROM adjustment WHERE tenant = $1 AND adjustment_id = $2`,
    values: [who.tenant, adjustmentId.replaceAll('\0', '')],
  });
  const row = rows[0];
  return row === undefined || !maySee(who, row.account_id) ? null : viewOf(row);
}

function viewOf(row: AdjustmentRow): AdjustmentView {
  return {
    id: row.adjustment_id,
    accountId: row.account_id,
    bucket: row.bucket,
    credits: Number(row.credits),
    reason: row.reason,
    ticket: row.ticket,
    status: row.status,
    requestedBy: row.requested_by,
    approvedBy: row.approved_by,
    grantId: row.grant_id,
    createdAt: toIso(row.created_at.getTime()),
    position: row.position,
  };
}
