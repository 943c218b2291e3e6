// query · disputes as projected, newest first, with what their grants' credits have become; called by read-models.postgres.ts.
import type pg from 'pg';
import { toIso, type InstantMs } from '#libs/kernel';
import type { DisputeStatus, DisputeView } from '#libs/ledger';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { DisputeListQuery, Page, Visibility } from '../read-models.port.js';
import { maySee } from '../visibility.js';

interface DisputeRow {
  dispute_id: string;
  account_id: string;
  grant_ids: string[];
  reference: string | null;
  reason: string;
  status: DisputeStatus;
  debt: string;
  opened_at: Date;
  opened_position: string;
  closed_at: Date | null;
  position: string;
  available: string;
  held: string;
  consumed: string;
  revoked: string;
}

/** What has lapsed is not available, whether or not that was booked. */
function select(where: string, at: string, rest: string): string {
  return `
    SELECT d.dispute_id, d.account_id, d.grant_ids, d.reference, d.reason, d.status, d.debt, d.opened_at, d.opened_position, d.closed_at, d.position,
           coalesce(g.available, 0) AS available, coalesce(g.held, 0) AS held, coalesce(g.consumed, 0) AS consumed,
           coalesce(g.revoked, 0) AS revoked
      FROM dispute AS d
      LEFT JOIN LATERAL (
        SELECT sum(b.available) FILTER (WHERE b.expires_at IS NULL OR b.expires_at > ${at}) AS available, sum(b.held) AS held,
               sum(b.consumed) AS consumed, sum(b.revoked) AS revoked
          FROM balance_grant AS b
         WHERE b.stream = d.stream AND b.grant_id IN (SELECT jsonb_array_elements_text(d.grant_ids))) AS g ON true
     WHERE ${where} ${rest}`;
}

export async function listDisputes(pool: pg.Pool, who: Visibility, query: DisputeListQuery, at: InstantMs): Promise<Page<DisputeView>> {
  if (query.accountId !== undefined && !maySee(who, query.accountId)) return { data: [], nextCursor: null };
  const where = new Conditions().add('d.tenant = ?', who.tenant);
  if (query.accountId !== undefined) where.add('d.account_id = ?', query.accountId);
  else if (who.accounts !== null) where.add('d.account_id = ANY(?)', who.accounts);
  if (query.status !== undefined) where.add('d.status = ?', query.status);
  if (query.cursor !== null) where.add('d.opened_position < ?', decodeCursor('disputes', query.cursor, ['string'])[0]);
  const [now, limit] = [`${where.param(toIso(at))}::timestamptz`, where.param(query.limit + 1)];
  const { rows } = await pool.query<DisputeRow>(
    select(where.toString(), now, `ORDER BY d.opened_position DESC LIMIT ${limit}`),
    where.values,
  );
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return { data: shown.map(viewOf), nextCursor: last === undefined ? null : encodeCursor('disputes', [last.opened_position]) };
}

export async function oneDispute(pool: pg.Pool, who: Visibility, disputeId: string, at: InstantMs): Promise<DisputeView | null> {
  const { rows } = await pool.query<DisputeRow>({
    name: 'dispute',
    text: select('d.tenant = $1 AND d.dispute_id = $2', '$3::timestamptz', ''),
    values: [who.tenant, disputeId.replaceAll('\0', ''), toIso(at)],
  });
  const row = rows[0];
  return row === undefined || !maySee(who, row.account_id) ? null : viewOf(row);
}

function viewOf(row: DisputeRow): DisputeView {
  return {
    id: row.dispute_id,
    accountId: row.account_id,
    grantIds: row.grant_ids,
    reference: row.reference,
    reason: row.reason,
    status: row.status,
    credits: {
      available: Number(row.available),
      held: Number(row.held),
      consumed: Number(row.consumed),
      revoked: Number(row.revoked),
      debt: Number(row.debt),
    },
    openedAt: toIso(row.opened_at.getTime()),
    closedAt: row.closed_at === null ? null : toIso(row.closed_at.getTime()),
    position: row.position,
  };
}
