// query · the lines of a provider's bill as projected, in the bill's order, the missing behind; provided as BILL_READS.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import type { BillLineState, BillLineView, BillReads } from '#libs/finance';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';

interface LineRow {
  ordinal: string;
  provider: string;
  provider_job_id: string | null;
  billed_at: Date | null;
  amount_minor: string | null;
  currency: string;
  units: string | null;
  state: BillLineState;
  task_id: string | null;
  booked_minor: string;
  position: string;
}

export class PostgresBillReads implements BillReads {
  constructor(private readonly pool: pg.Pool) {}

  async billLines(
    tenant: string,
    billId: string,
    state: BillLineState | null,
    page: { limit: number; cursor: string | null },
  ): ReturnType<BillReads['billLines']> {
    const bill = await this.pool.query('SELECT 1 FROM bill WHERE tenant = $1 AND bill_id = $2', [tenant, billId.replaceAll('\0', '')]);
    if (bill.rowCount === 0) return null;
    const where = new Conditions().add('tenant = ?', tenant).add('bill_id = ?', billId);
    if (state !== null) where.add('state = ?', state);
    if (page.cursor !== null) where.add('ordinal > ?', decodeCursor('bill-lines', page.cursor, ['integer'])[0]);
    const limit = where.param(page.limit + 1);
    const { rows } = await this.pool.query<LineRow>(
      `SELECT ordinal, provider, provider_job_id, billed_at, amount_minor, currency, units, state, task_id, booked_minor, position
         FROM bill_line WHERE ${where.toString()} ORDER BY ordinal LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, page.limit);
    const last = rows.length > page.limit ? shown.at(-1) : undefined;
    return { data: shown.map(viewOf), nextCursor: last === undefined ? null : encodeCursor('bill-lines', [Number(last.ordinal)]) };
  }
}

function viewOf(row: LineRow): BillLineView {
  const amountMinor = row.amount_minor === null ? null : Number(row.amount_minor);
  const bookedMinor = Number(row.booked_minor);
  return {
    line: row.state === 'missing' ? null : Number(row.ordinal),
    ...{ provider: row.provider, providerJobId: row.provider_job_id },
    billedAt: row.billed_at === null ? null : toIso(row.billed_at.getTime()),
    ...{ amountMinor, currency: row.currency, units: row.units, state: row.state, taskId: row.task_id, bookedMinor },
    differenceMinor: amountMinor === null ? null : amountMinor - bookedMinor,
    position: row.position,
  };
}
