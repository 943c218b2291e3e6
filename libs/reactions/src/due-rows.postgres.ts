// 5 react · the orchestrator's rows in PostgreSQL: what is to be done when, and how far each partition's reading of the log is; the only file with that SQL.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import type { InstantMs } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import { ALL_PARTITIONS, partitionLease } from './partitions.js';

export interface LiveTaskRow {
  taskId: string;
  tenant: string;
  accountId: string;
  dueAt: InstantMs;
  timesOutAt: InstantMs;
  isSettled: boolean;
  isParked: boolean;
}

export interface ParkedTask extends LiveTaskRow {
  partition: number;
}

export interface DueAccount {
  tenant: string;
  accountId: string;
  dueAt: InstantMs;
}

/** What changed since the last write. */
export interface DueChanges {
  upserts: readonly LiveTaskRow[];
  /** Task ids. */
  deletions: readonly string[];
  /** The earlier of this and what stands there. */
  lowered: readonly DueAccount[];
  /** Exactly this; null: never due again. */
  booked: ReadonlyArray<{ tenant: string; accountId: string; dueAt: InstantMs | null }>;
}

/** The right to write a partition's rows: its lease's token (decimal text), as given when the partition was taken. */
export interface PartitionHold {
  partition: number;
  token: string;
}

export interface PartitionWrite extends PartitionHold {
  from: Position;
  to: Position;
  changes: DueChanges;
}

/** A partition as its last owner left it. */
export interface TakenOver {
  position: Position;
  /** Tasks that were given a place at a provider that bounds its jobs. */
  placed: Array<{ taskId: string; tenant: string }>;
}

/**
 * A process that is paused inside such a transaction holds up whoever is to take over: it is cut off before its leases would run out anyway.
 */
const BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'";

export class DueRows {
  constructor(private readonly pool: pg.Pool) {}

  /**
   * The start of ownerships: what the last owner had in memory is due at once, and each partition's log is read on from the answer. A
   * partition whose lease went to somebody else meanwhile is not among the answers. Who waited for a place at a provider gets in line anew;
   * jobs that were given one are answered, so that each is looked at. `bounded`: the providers that bound their jobs.
   */
  async takeOver(holds: readonly PartitionHold[], bounded: readonly string[] = []): Promise<Map<number, TakenOver>> {
    return this.#fenced(holds, async (client, held) => {
      await client.query('UPDATE live_tasks SET is_parked = true, due_ms = 0 WHERE NOT is_parked AND partition = ANY($1::smallint[])', [
        held,
      ]);
      await client.query(
        'DELETE FROM provider_jobs WHERE partition = ANY($1::smallint[]) AND (NOT is_running OR provider <> ALL($2::text[]))',
        [held, bounded],
      );
      const { rows } = await client.query<{ partition: number; position: Position; tasks: string[]; tenants: string[] }>(
        `SELECT p.partition, p.position,
                ARRAY(SELECT task_id FROM provider_jobs j WHERE j.partition = p.partition ORDER BY task_id) AS tasks,
                ARRAY(SELECT tenant FROM provider_jobs j WHERE j.partition = p.partition ORDER BY task_id) AS tenants
           FROM orchestrator_partitions p WHERE p.partition = ANY($1::smallint[])`,
        [held],
      );
      return new Map(
        rows.map(({ partition, position, tasks, tenants }) => [
          partition,
          { position, placed: tasks.map((taskId, index) => ({ taskId, tenant: tenants[index]! })) },
        ]),
      );
    });
  }

  /**
   * Rows and checkpoint of each partition together, or neither. Answers the partitions that were written: the others have another owner by
   * now, and nothing of theirs was.
   */
  async write(writes: readonly PartitionWrite[]): Promise<Set<number>> {
    return this.#fenced(writes, async (client, held) => {
      const allowed = writes.filter(({ partition }) => held.includes(partition));
      const { rows } = await client.query<{ partition: number }>({
        name: 'orchestrator_checkpoints',
        text: `UPDATE orchestrator_partitions p SET position = w.upto, updated_at = clock_timestamp()
                 FROM unnest($1::smallint[], $2::text[], $3::text[]) AS w (partition, since, upto)
                WHERE p.partition = w.partition AND p.position = w.since RETURNING p.partition`,
        values: [allowed.map((write) => write.partition), allowed.map((write) => write.from), allowed.map((write) => write.to)],
      });
      const written = new Set(rows.map(({ partition }) => partition));
      const changes = allowed.filter(({ partition }) => written.has(partition));
      const deletions = changes.flatMap((write) => write.changes.deletions);
      const upserts = changes.flatMap(({ partition, changes: { upserts: rows } }) => rows.map((row) => ({ ...row, partition })));
      const lowered = changes.flatMap(({ partition, changes: { lowered: rows } }) => rows.map((row) => ({ ...row, partition })));
      const booked = changes.flatMap(({ partition, changes: { booked: rows } }) => rows.map((row) => ({ ...row, partition })));
      if (deletions.length > 0) await client.query('DELETE FROM live_tasks WHERE task_id = ANY($1::text[])', [deletions]);
      if (upserts.length > 0) await upsertTasks(client, upserts);
      if (lowered.length > 0) await lowerAccounts(client, lowered);
      if (booked.length > 0) await setAccounts(client, booked);
      return written;
    });
  }

  /**
   * Tasks of the partitions that nobody holds in memory and that are due by then, the longest due first; `exceptAccounts`
   * (`<tenant>.<account id>`) have enough of theirs in memory.
   */
  async parkedTasks(
    dueAtMax: InstantMs,
    limit: number,
    exceptAccounts: readonly string[] = [],
    partitions: readonly number[] = ALL_PARTITIONS,
  ): Promise<ParkedTask[]> {
    const { rows } = await this.pool.query<TaskRow>({
      name: 'orchestrator_parked',
      text: `SELECT * FROM live_tasks WHERE is_parked AND due_ms <= $1 AND partition = ANY($4::smallint[])
                AND tenant || '.' || account_id <> ALL($3::text[])
             ORDER BY due_ms LIMIT $2`,
      values: [dueAtMax, limit, exceptAccounts, partitions],
    });
    return rows.map((row) => ({
      taskId: row.task_id,
      tenant: row.tenant,
      accountId: row.account_id,
      partition: row.partition,
      dueAt: Number(row.due_ms),
      timesOutAt: Number(row.times_out_ms),
      isSettled: row.is_settled,
      isParked: row.is_parked,
    }));
  }

  async dueAccounts(dueAtMax: InstantMs, limit: number, partitions: readonly number[] = ALL_PARTITIONS): Promise<DueAccount[]> {
    const { rows } = await this.pool.query<{ tenant: string; account_id: string; due_ms: string }>({
      name: 'orchestrator_accounts',
      text: 'SELECT * FROM due_accounts WHERE due_ms <= $1 AND partition = ANY($3::smallint[]) ORDER BY due_ms LIMIT $2',
      values: [dueAtMax, limit, partitions],
    });
    return rows.map((row) => ({ tenant: row.tenant, accountId: row.account_id, dueAt: Number(row.due_ms) }));
  }

  /** When the next account of the partitions is due; null where none ever is. */
  async nextAccountDueAt(partitions: readonly number[] = ALL_PARTITIONS): Promise<InstantMs | null> {
    // The least by the index of instants, whoever owns it, is soon found; a minimum over a set of partitions would read them all.
    const { rows } = await this.pool.query<{ due_ms: string }>(
      'SELECT due_ms FROM due_accounts WHERE partition = ANY($1::smallint[]) ORDER BY due_ms LIMIT 1',
      [partitions],
    );
    const due = rows[0]?.due_ms ?? null;
    return due === null ? null : Number(due);
  }

  /** What is due by then and not done, as of the last writes. */
  async outstanding(now: InstantMs): Promise<Outstanding> {
    const { rows } = await this.pool.query<{ position: Position; accounts: string; tasks: string }>({
      name: 'orchestrator_outstanding',
      text: `SELECT (SELECT min(position) FROM orchestrator_partitions) AS position,
                    (SELECT count(*) FROM due_accounts WHERE due_ms <= $1) AS accounts,
                    (SELECT count(*) FROM live_tasks WHERE NOT is_settled AND times_out_ms <= $1) AS tasks`,
      values: [now],
    });
    const row = rows[0] as { position: Position; accounts: string; tasks: string };
    return { position: row.position, accounts: Number(row.accounts), tasks: Number(row.tasks) };
  }

  /** Who owns which partition now. */
  async owners(): Promise<Map<number, string>> {
    const { rows } = await this.pool.query<{ partition: number; owner: string }>({
      name: 'orchestrator_owners',
      text: `SELECT p.partition, l.owner FROM unnest($1::smallint[], $2::text[]) AS p (partition, lease) JOIN leases l ON l.name = p.lease
              WHERE l.expires_at > clock_timestamp() ORDER BY p.partition`,
      values: [ALL_PARTITIONS, ALL_PARTITIONS.map(partitionLease)],
    });
    return new Map(rows.map(({ partition, owner }) => [partition, owner]));
  }

  async countLiveTasks(): Promise<number> {
    const { rows } = await this.pool.query<{ n: string }>('SELECT count(*) AS n FROM live_tasks');
    return Number(rows[0]?.n ?? 0);
  }

  /** One transaction under those of the leases that are still held by these tokens: nobody takes one of them before it ends. */
  async #fenced<Result>(
    holds: readonly PartitionHold[],
    work: (client: pg.PoolClient, held: number[]) => Promise<Result>,
  ): Promise<Result> {
    return inTransaction(this.pool, async (client) => work(client, await fence(client, holds)), BEGIN);
  }
}

/** Answers the partitions whose lease still has the token. In the order of names, as every statement on several leases, so that none waits in a ring. */
export async function fence(client: pg.ClientBase, holds: readonly PartitionHold[]): Promise<number[]> {
  const { rows } = await client.query<{ partition: number }>({
    name: 'orchestrator_fence',
    text: `SELECT w.partition FROM leases l JOIN unnest($1::smallint[], $2::text[], $3::bigint[]) AS w (partition, name, token)
             ON l.name = w.name AND l.token = w.token ORDER BY l.name FOR SHARE OF l`,
    values: [
      holds.map(({ partition }) => partition),
      holds.map(({ partition }) => partitionLease(partition)),
      holds.map(({ token }) => token),
    ],
  });
  return rows.map(({ partition }) => partition);
}

export interface Outstanding {
  /** Of the partition that is furthest behind. */
  position: Position;
  accounts: number;
  tasks: number;
}

interface TaskRow {
  task_id: string;
  tenant: string;
  account_id: string;
  partition: number;
  due_ms: string;
  times_out_ms: string;
  is_settled: boolean;
  is_parked: boolean;
}

type Placed<Row> = Row & { partition: number };

async function upsertTasks(client: pg.PoolClient, rows: ReadonlyArray<Placed<LiveTaskRow>>): Promise<void> {
  await client.query({
    name: 'orchestrator_upsert',
    text: `INSERT INTO live_tasks (task_id, tenant, account_id, due_ms, times_out_ms, is_settled, is_parked, partition)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::boolean[], $8::smallint[])
           ON CONFLICT (task_id) DO UPDATE
             SET due_ms = excluded.due_ms, times_out_ms = excluded.times_out_ms, is_settled = excluded.is_settled, is_parked = excluded.is_parked`,
    values: [
      rows.map((row) => row.taskId),
      rows.map((row) => row.tenant),
      rows.map((row) => row.accountId),
      rows.map((row) => row.dueAt),
      rows.map((row) => row.timesOutAt),
      rows.map((row) => row.isSettled),
      rows.map((row) => row.isParked),
      rows.map((row) => row.partition),
    ],
  });
}

async function lowerAccounts(client: pg.PoolClient, accounts: ReadonlyArray<Placed<DueAccount>>): Promise<void> {
  await client.query({
    name: 'orchestrator_lower',
    text: `INSERT INTO due_accounts (tenant, account_id, due_ms, partition)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[])
           ON CONFLICT (tenant, account_id) DO UPDATE SET due_ms = excluded.due_ms WHERE due_accounts.due_ms > excluded.due_ms`,
    values: accountColumns(accounts),
  });
}

async function setAccounts(client: pg.PoolClient, accounts: ReadonlyArray<Placed<DueChanges['booked'][number]>>): Promise<void> {
  const never = accounts.filter((account) => account.dueAt === null);
  await client.query({
    name: 'orchestrator_booked',
    text: `INSERT INTO due_accounts (tenant, account_id, due_ms, partition)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[])
           ON CONFLICT (tenant, account_id) DO UPDATE SET due_ms = excluded.due_ms`,
    values: accountColumns(accounts.filter((account) => account.dueAt !== null)),
  });
  if (never.length > 0)
    await client.query('DELETE FROM due_accounts WHERE (tenant, account_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))', [
      never.map((account) => account.tenant),
      never.map((account) => account.accountId),
    ]);
}

function accountColumns(accounts: ReadonlyArray<Placed<DueChanges['booked'][number]>>): unknown[] {
  return [
    accounts.map((account) => account.tenant),
    accounts.map((account) => account.accountId),
    accounts.map((account) => account.dueAt),
    accounts.map((account) => account.partition),
  ];
}
