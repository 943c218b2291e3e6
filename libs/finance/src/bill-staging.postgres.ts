// 1 → 3 · bills on their way, in PostgreSQL: judged by one statement per question, against the projected jobs and lines; called by bill-import.ts.
import type pg from 'pg';
import { toIso } from '#libs/kernel';
import { inTransaction, Lease } from '#libs/platform';
import type { BillLine, RejectedLine } from './bill-lines.js';
import { LINES_PER_APPEND, REJECTED_SHOWN_MAX } from './bill-limits.js';
import type { BillBatch, BillLease, BillLeases, BillStaging, BillSummary, StagedBill } from './bill-staging.port.js';
import type { BillLineBooked } from './billing.facts.js';

/** Numbers of missing jobs begin here: no bill has as many lines. */
const MISSING_FROM = 1_000_000_000_000;
const LEASE_LOOK_MS = 50;

interface BillRow {
  bill_id: string;
  tenant: string;
  actor: string;
  correlation_id: string;
  causation_id: string | null;
  state: 'staged' | 'judged';
  providers: string[];
}

interface LineRow {
  ordinal: string;
  provider: string;
  provider_job_id: string;
  billed_at: Date;
  amount_minor: string;
  currency: string;
  units: string | null;
  verdict: 'matched' | 'amount_differs' | 'orphan' | 'missing';
  booked_minor: string;
  is_absorbed: boolean;
  account_id: string | null;
  task_id: string | null;
  attempt: number;
  model: string | null;
}

const COLUMNS = 'bill_id, tenant, actor, correlation_id, causation_id, state, providers';

export class PostgresBillStaging implements BillStaging {
  constructor(private readonly pool: pg.Pool) {}

  async begin({ billId, tenant, actor, correlationId, causationId }: Omit<StagedBill, 'state' | 'providers'>): Promise<void> {
    await this.pool.query(
      `INSERT INTO bill_import (bill_id, tenant, actor, correlation_id, causation_id, state, providers, rejected_count, rejected)
       VALUES ($1, $2, $3, $4, $5, 'arriving', '{}', 0, '[]')`,
      [billId, tenant, actor, correlationId, causationId],
    );
  }

  async add(billId: string, lines: readonly BillLine[]): Promise<void> {
    await this.pool.query({
      name: 'bill_import_add',
      text: `INSERT INTO bill_import_line (bill_id, ordinal, provider, provider_job_id, billed_at, amount_minor, currency, units)
             SELECT $1, * FROM unnest($2::int8[], $3::text[], $4::text[], $5::timestamptz[], $6::int8[], $7::text[], $8::numeric[])`,
      values: [
        billId,
        lines.map((line) => line.line),
        lines.map((line) => line.provider),
        lines.map((line) => line.providerJobId),
        lines.map((line) => line.billedAt),
        lines.map((line) => line.amountMinor),
        lines.map((line) => line.currency),
        lines.map((line) => line.units),
      ],
    });
  }

  async complete(billId: string, rejected: { count: number; first: readonly RejectedLine[] }): Promise<StagedBill> {
    const { rows } = await this.pool.query<BillRow>(
      `UPDATE bill_import
          SET state = 'staged', rejected_count = $2, rejected = $3,
              providers = ARRAY(SELECT DISTINCT provider FROM bill_import_line WHERE bill_id = $1 ORDER BY provider)
        WHERE bill_id = $1 RETURNING ${COLUMNS}`,
      [billId, rejected.count, JSON.stringify(rejected.first)],
    );
    if (rows[0] === undefined) throw new Error(`bill ${billId} is gone while its body arrived`);
    await this.pool.query('ANALYZE bill_import_line');
    return billOf(rows[0]);
  }

  async discard(billId: string): Promise<void> {
    await this.pool.query('DELETE FROM bill_import WHERE bill_id = $1', [billId]);
  }

  async find(billId: string): Promise<StagedBill | null> {
    const { rows } = await this.pool.query<BillRow>(`SELECT ${COLUMNS} FROM bill_import WHERE bill_id = $1 AND state <> 'arriving'`, [
      billId,
    ]);
    return rows[0] === undefined ? null : billOf(rows[0]);
  }

  async unfinished(tenant: string | null, providers: readonly string[] | null): Promise<StagedBill[]> {
    const { rows } = await this.pool.query<BillRow>(
      `SELECT ${COLUMNS} FROM bill_import
        WHERE state <> 'arriving' AND ($1::text IS NULL OR tenant = $1) AND ($2::text[] IS NULL OR providers && $2)
        ORDER BY begun_at, bill_id`,
      [tenant, providers],
    );
    return rows.map(billOf);
  }

  async discardAbandoned(olderThanMs: number): Promise<void> {
    await this.pool.query(
      `DELETE FROM bill_import WHERE state = 'arriving' AND begun_at < clock_timestamp() - $1 * interval '1 millisecond'`,
      [olderThanMs],
    );
  }

  async judge(billId: string): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ tenant: string }>(
        `SELECT tenant FROM bill_import WHERE bill_id = $1 AND state = 'staged' FOR UPDATE`,
        [billId],
      );
      if (rows[0] !== undefined) {
        const values = [billId, rows[0].tenant];
        await client.query(SEEN, values);
        await client.query(MATCHED, values);
        await client.query(MISSING, [...values, MISSING_FROM]);
        await client.query(BATCHED, [billId, LINES_PER_APPEND]);
        await this.#rejectConflicts(client, billId);
        await client.query(`UPDATE bill_import SET state = 'judged' WHERE bill_id = $1`, [billId]);
      }
    });
  }

  /** They stand among the rejected lines, in the order of the bill. */
  async #rejectConflicts(client: pg.ClientBase, billId: string): Promise<void> {
    const { rows } = await client.query<{ ordinal: string; count: string }>(
      `SELECT ordinal, count(*) OVER () AS count FROM bill_import_line WHERE bill_id = $1 AND verdict = 'conflict' ORDER BY ordinal LIMIT $2`,
      [billId, REJECTED_SHOWN_MAX],
    );
    if (rows[0] === undefined) return;
    const known = await client.query<{ rejected: string }>('SELECT rejected FROM bill_import WHERE bill_id = $1', [billId]);
    const detail = 'stands in the books already with another amount, currency or number of units';
    const conflicts = rows.map((row) => ({ line: Number(row.ordinal), errors: [{ field: null, code: 'already_exists', detail }] }));
    const all = [...(JSON.parse(known.rows[0]?.rejected ?? '[]') as Array<{ line: number }>), ...conflicts].sort((a, b) => a.line - b.line);
    await client.query('UPDATE bill_import SET rejected_count = rejected_count + $2, rejected = $3 WHERE bill_id = $1', [
      billId,
      rows[0].count,
      JSON.stringify(all.slice(0, REJECTED_SHOWN_MAX)),
    ]);
  }

  async batches(billId: string, provider: string): Promise<number> {
    const { rows } = await this.pool.query<{ batches: number }>(
      'SELECT coalesce(max(batch) + 1, 0)::int AS batches FROM bill_import_line WHERE bill_id = $1 AND provider = $2',
      [billId, provider],
    );
    return rows[0]?.batches ?? 0;
  }

  async batch(billId: string, provider: string, batch: number): Promise<BillBatch> {
    const { rows } = await this.pool.query<LineRow>(
      `SELECT * FROM bill_import_line WHERE bill_id = $1 AND provider = $2 AND batch = $3 ORDER BY ordinal`,
      [billId, provider, batch],
    );
    const facts: BillBatch = rows.filter((row) => row.verdict !== 'missing').map((row) => bookedOf(billId, row));
    const missing = rows.filter((row) => row.verdict === 'missing');
    if (missing.length === 0) return facts;
    const jobs = missing.map((row) => ({
      ordinal: Number(row.ordinal),
      providerJobId: row.provider_job_id,
      taskId: row.task_id as string,
      attempt: row.attempt,
      cost: { currency: row.currency, amountMinor: Number(row.booked_minor) },
    }));
    return [...facts, { type: 'BillJobsMissing', data: { billId, provider, jobs } }];
  }

  async summary(billId: string): Promise<BillSummary | null> {
    const [bill, counts, credits, money] = await Promise.all([
      this.pool.query<{ providers: string[]; rejected_count: string; rejected: string }>(
        'SELECT providers, rejected_count, rejected FROM bill_import WHERE bill_id = $1',
        [billId],
      ),
      this.pool.query<{ verdict: string; count: string }>(
        'SELECT verdict, count(*) AS count FROM bill_import_line WHERE bill_id = $1 GROUP BY verdict',
        [billId],
      ),
      this.pool.query<{ credits: string | null }>(
        'SELECT sum(units - recorded_units)::text AS credits FROM bill_import_line WHERE bill_id = $1 AND recorded_units IS NOT NULL',
        [billId],
      ),
      this.pool.query<{ currency: string; billed: string; booked: string }>(
        `SELECT currency, sum(amount_minor) AS billed, sum(booked_minor) AS booked FROM bill_import_line
          WHERE bill_id = $1 AND verdict IN ('matched', 'amount_differs', 'orphan') GROUP BY currency ORDER BY currency`,
        [billId],
      ),
    ]);
    const row = bill.rows[0];
    if (row === undefined) return null;
    const of = (verdict: string): number => Number(counts.rows.find((each) => each.verdict === verdict)?.count ?? 0);
    const [matched, differing, orphans, duplicates, rejectedCount] = [
      ...[of('matched'), of('amount_differs'), of('orphan'), of('duplicate')],
      Number(row.rejected_count),
    ] as [number, number, number, number, number];
    return {
      ...{ billId, providers: row.providers, lines: matched + differing + orphans + duplicates + rejectedCount },
      ...{ matched, differing, orphans, missing: of('missing'), duplicates, rejectedCount },
      rejected: JSON.parse(row.rejected) as RejectedLine[],
      drift: {
        credits: shortest(credits.rows[0]?.credits ?? '0'),
        money: money.rows.map(({ currency, billed, booked }) => ({
          ...{ currency, billed: Number(billed), booked: Number(booked), difference: Number(billed) - Number(booked) },
        })),
      },
    };
  }
}

/** A line's identity is (provider, job, billed at): seen before with the same content it books nothing, with other content it is refused. */
const SEEN = `
  WITH judged AS (
    SELECT l.ordinal,
           CASE WHEN s.bill_id IS NOT NULL THEN
                  CASE WHEN (s.amount_minor, s.currency) = (l.amount_minor, l.currency) AND s.units IS NOT DISTINCT FROM l.units
                       THEN 'duplicate' ELSE 'conflict' END
                WHEN l.nth > 1 THEN
                  CASE WHEN (l.first_amount, l.first_currency) = (l.amount_minor, l.currency) AND l.first_units IS NOT DISTINCT FROM l.units
                       THEN 'duplicate' ELSE 'conflict' END
                ELSE 'fresh' END AS verdict
      FROM (SELECT i.*, row_number() OVER w AS nth, first_value(i.amount_minor) OVER w AS first_amount,
                   first_value(i.currency) OVER w AS first_currency, first_value(i.units) OVER w AS first_units
              FROM bill_import_line AS i WHERE i.bill_id = $1
            WINDOW w AS (PARTITION BY i.provider, i.provider_job_id, i.billed_at ORDER BY i.ordinal)) AS l
      LEFT JOIN bill_line AS s
        ON s.tenant = $2 AND s.provider = l.provider AND s.provider_job_id = l.provider_job_id AND s.billed_at = l.billed_at)
  UPDATE bill_import_line AS l SET verdict = j.verdict FROM judged AS j WHERE l.bill_id = $1 AND l.ordinal = j.ordinal`;

/**
 * The attempt of each fresh line by its provider's id. The first line of a job in a currency has the attempt's cost in that currency set against
 * it, the first with units the credits of the task that it completed; lines of earlier bills count as lines before.
 */
const MATCHED = `
  WITH fresh AS (SELECT * FROM bill_import_line WHERE bill_id = $1 AND verdict = 'fresh'),
  named AS (SELECT DISTINCT provider, provider_job_id FROM fresh),
  job AS (
    SELECT DISTINCT ON (n.provider, n.provider_job_id) n.provider, n.provider_job_id, j.attempt, j.cost_minor, j.currency, j.is_absorbed,
           j.has_completed, t.account_id, t.task_id, t.model, t.consumed
      FROM named AS n
      JOIN provider_job AS j ON j.tenant = $2 AND j.provider = n.provider AND j.provider_job_id = n.provider_job_id
      JOIN task AS t ON t.stream = j.stream AND t.created_at IS NOT NULL
     ORDER BY n.provider, n.provider_job_id, j.stream, j.attempt),
  prior AS (
    SELECT s.provider, s.provider_job_id, s.currency, sum(s.amount_minor) AS billed, count(s.units) AS with_units
      FROM named AS n
      JOIN bill_line AS s ON s.tenant = $2 AND s.provider = n.provider AND s.provider_job_id = n.provider_job_id
     WHERE s.state <> 'orphan' AND s.billed_at IS NOT NULL GROUP BY s.provider, s.provider_job_id, s.currency),
  counted AS (SELECT provider, provider_job_id, sum(with_units) AS with_units FROM prior GROUP BY provider, provider_job_id),
  placed AS (
    SELECT f.ordinal, f.units, j.*, (j.task_id IS NOT NULL) AS is_known,
           CASE WHEN j.currency = f.currency THEN j.cost_minor ELSE 0 END AS cost,
           coalesce(p.billed, 0) + sum(f.amount_minor) OVER currency AS total,
           p.billed IS NULL AND row_number() OVER currency = 1 AS is_first,
           coalesce(c.with_units, 0) + count(f.units) OVER job AS units_so_far
      FROM fresh AS f
      LEFT JOIN job AS j ON j.provider = f.provider AND j.provider_job_id = f.provider_job_id
      LEFT JOIN prior AS p ON p.provider = f.provider AND p.provider_job_id = f.provider_job_id AND p.currency = f.currency
      LEFT JOIN counted AS c ON c.provider = f.provider AND c.provider_job_id = f.provider_job_id
    WINDOW currency AS (PARTITION BY f.provider, f.provider_job_id, f.currency ORDER BY f.ordinal),
           job AS (PARTITION BY f.provider, f.provider_job_id ORDER BY f.ordinal))
  UPDATE bill_import_line AS l
     SET verdict = CASE WHEN NOT p.is_known THEN 'orphan' WHEN p.total = coalesce(p.cost, 0) THEN 'matched' ELSE 'amount_differs' END,
         booked_minor = CASE WHEN p.is_known AND p.is_first THEN coalesce(p.cost, 0) ELSE 0 END,
         recorded_units = CASE WHEN p.units IS NULL OR p.has_completed IS NOT TRUE THEN NULL WHEN p.units_so_far = 1 THEN p.consumed ELSE 0 END,
         is_absorbed = coalesce(p.is_absorbed, p.consumed = 0), account_id = p.account_id, task_id = p.task_id, attempt = p.attempt, model = p.model
    FROM placed AS p WHERE l.bill_id = $1 AND l.ordinal = p.ordinal`;

/** Attempts with a cost and a verdict while the bill runs, that neither this bill nor an earlier one has a line for. */
const MISSING = `
  INSERT INTO bill_import_line (bill_id, ordinal, provider, provider_job_id, currency, verdict, booked_minor, account_id, task_id, attempt, model)
  SELECT $1, $3::int8 + row_number() OVER (ORDER BY j.provider, j.verdict_at, j.stream, j.attempt), j.provider, j.provider_job_id, j.currency, 'missing',
         j.cost_minor, t.account_id, t.task_id, j.attempt, t.model
    FROM (SELECT min(billed_at) AS first_at, max(billed_at) AS last_at FROM bill_import_line WHERE bill_id = $1 AND verdict <> 'conflict') AS span
    JOIN provider_job AS j
      ON j.tenant = $2 AND j.provider = ANY (ARRAY(SELECT DISTINCT l.provider FROM bill_import_line AS l WHERE l.bill_id = $1 AND l.verdict <> 'conflict'))
     AND j.cost_minor IS NOT NULL AND j.verdict_at BETWEEN span.first_at AND span.last_at
    JOIN task AS t ON t.stream = j.stream
   WHERE NOT EXISTS (SELECT FROM bill_line AS s
                      WHERE s.tenant = $2 AND s.provider = j.provider AND s.provider_job_id = j.provider_job_id AND s.billed_at IS NOT NULL)
     AND NOT EXISTS (SELECT FROM bill_import_line AS l WHERE l.bill_id = $1 AND l.provider = j.provider AND l.provider_job_id = j.provider_job_id)`;

const BATCHED = `
  UPDATE bill_import_line AS l SET batch = n.batch
    FROM (SELECT ordinal, (row_number() OVER (PARTITION BY provider ORDER BY ordinal) - 1) / $2::int AS batch
            FROM bill_import_line WHERE bill_id = $1 AND verdict IN ('matched', 'amount_differs', 'orphan', 'missing')) AS n
   WHERE l.bill_id = $1 AND l.ordinal = n.ordinal`;

function billOf({ bill_id, tenant, actor, correlation_id, causation_id, state, providers }: BillRow): StagedBill {
  return { billId: bill_id, tenant, actor, correlationId: correlation_id, causationId: causation_id, state, providers };
}

function bookedOf(billId: string, row: LineRow): BillLineBooked {
  const { provider, currency, verdict } = row;
  const isOrphan = verdict === 'orphan';
  return {
    type: 'BillLineBooked',
    data: {
      ...{ billId, line: Number(row.ordinal), provider, providerJobId: row.provider_job_id, billedAt: toIso(row.billed_at.getTime()) },
      billed: { currency, amountMinor: Number(row.amount_minor) },
      units: row.units === null ? null : shortest(row.units),
      state: verdict as BillLineBooked['data']['state'],
      booked: { currency, amountMinor: Number(row.amount_minor) - Number(row.booked_minor) },
      expense: isOrphan ? 'unmatched' : row.is_absorbed ? 'absorbed' : 'provider',
      ...{ accountId: row.account_id, taskId: row.task_id, model: row.model },
    },
  };
}

/** `1.500` → `1.5`. */
function shortest(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

/** All or none, in one order, so that two bills of the same providers cannot wait for each other. */
export class PostgresBillLeases implements BillLeases {
  /** `ttlMs`: how long an importer that fell silent keeps its provider; default as for every lease. */
  constructor(
    private readonly pool: pg.Pool,
    private readonly ttlMs?: number,
  ) {}

  async acquire(names: readonly string[], timeoutMs: number): Promise<BillLease | null> {
    const leases = [...names].sort().map((name) => new Lease(this.pool, name, { ttlMs: this.ttlMs }));
    const release = async (): Promise<void> => {
      await Promise.all(leases.map((lease) => lease.release()));
    };
    const until = performance.now() + timeoutMs;
    let isHeld = false;
    try {
      for (const lease of leases) {
        while (!(await lease.acquire())) {
          if (performance.now() >= until) return null;
          await new Promise((resolve) => setTimeout(resolve, LEASE_LOOK_MS));
        }
      }
      isHeld = true;
      return { held: () => leases.every((lease) => lease.held()), release };
    } finally {
      // A lease renews itself until it is released: one kept by a failure would keep its provider from everybody.
      if (!isHeld) await release();
    }
  }
}
