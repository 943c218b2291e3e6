// 5 react · the orchestrator's rows in PostgreSQL: what is to be done when, and how far its reading of the log is; the only file with that SQL.
import type pg from 'pg';
import type { InstantMs } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { Lease } from '#libs/platform';

export const ORCHESTRATOR_LEASE = 'orchestrator';

export interface LiveTaskRow {
  taskId: string;
  tenant: string;
  accountId: string;
  dueAt: InstantMs;
  timesOutAt: InstantMs;
  isSettled: boolean;
  isParked: boolean;
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

/** Another process has taken over: what this one holds in memory is void. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

export class DueRows {
  constructor(private readonly pool: pg.Pool) {}

  /** The start of an ownership: what the last owner had in memory is due at once, and the log is read on from the answer. */
  async takeOver(lease: Lease): Promise<Position> {
    return this.#fenced(lease, async (client) => {
      await client.query('UPDATE live_tasks SET is_parked = true, due_ms = 0 WHERE NOT is_parked');
      const { rows } = await client.query<{ position: Position }>('SELECT position FROM orchestrator_checkpoint');
      return (rows[0] as { position: Position }).position;
    });
  }

  /** Rows and checkpoint together, or neither. Throws {@link LeaseLost} where this process is no longer the owner. */
  async write(lease: Lease, from: Position, to: Position, changes: DueChanges): Promise<void> {
    await this.#fenced(lease, async (client) => {
      const moved = await client.query(
        'UPDATE orchestrator_checkpoint SET position = $2, updated_at = clock_timestamp() WHERE position = $1',
        [from, to],
      );
      if (moved.rowCount !== 1) throw new LeaseLost('the orchestrator checkpoint was moved by another process');
      if (changes.deletions.length > 0) await client.query('DELETE FROM live_tasks WHERE task_id = ANY($1::text[])', [changes.deletions]);
      if (changes.upserts.length > 0) await upsertTasks(client, changes.upserts);
      if (changes.lowered.length > 0) await lowerAccounts(client, changes.lowered);
      if (changes.booked.length > 0) await setAccounts(client, changes.booked);
    });
  }

  /**
   * Tasks that nobody holds in memory and that are due by then, the longest due first; `exceptAccounts` (`<tenant>.<account id>`) have
   * enough of theirs in memory.
   */
  async parkedTasks(dueAtMax: InstantMs, limit: number, exceptAccounts: readonly string[] = []): Promise<LiveTaskRow[]> {
    const { rows } = await this.pool.query<TaskRow>({
      name: 'orchestrator_parked',
      text: `SELECT * FROM live_tasks WHERE is_parked AND due_ms <= $1 AND tenant || '.' || account_id <> ALL($3::text[])
             ORDER BY due_ms LIMIT $2`,
      values: [dueAtMax, limit, exceptAccounts],
    });
    return rows.map((row) => ({
      taskId: row.task_id,
      tenant: row.tenant,
      accountId: row.account_id,
      dueAt: Number(row.due_ms),
      timesOutAt: Number(row.times_out_ms),
      isSettled: row.is_settled,
      isParked: row.is_parked,
    }));
  }

  async dueAccounts(dueAtMax: InstantMs, limit: number): Promise<DueAccount[]> {
    const { rows } = await this.pool.query<{ tenant: string; account_id: string; due_ms: string }>({
      name: 'orchestrator_accounts',
      text: 'SELECT * FROM due_accounts WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2',
      values: [dueAtMax, limit],
    });
    return rows.map((row) => ({ tenant: row.tenant, accountId: row.account_id, dueAt: Number(row.due_ms) }));
  }

  /** When the next account is due; null where none ever is. */
  async nextAccountDueAt(): Promise<InstantMs | null> {
    const { rows } = await this.pool.query<{ due_ms: string | null }>('SELECT min(due_ms) AS due_ms FROM due_accounts');
    const due = rows[0]?.due_ms ?? null;
    return due === null ? null : Number(due);
  }

  /** What is due by then and not done, as of the last write. */
  async outstanding(now: InstantMs): Promise<Outstanding> {
    const { rows } = await this.pool.query<{ position: Position; accounts: string; tasks: string }>({
      name: 'orchestrator_outstanding',
      text: `SELECT (SELECT position FROM orchestrator_checkpoint) AS position,
                    (SELECT count(*) FROM due_accounts WHERE due_ms <= $1) AS accounts,
                    (SELECT count(*) FROM live_tasks WHERE NOT is_settled AND times_out_ms <= $1) AS tasks`,
      values: [now],
    });
    const row = rows[0] as { position: Position; accounts: string; tasks: string };
    return { position: row.position, accounts: Number(row.accounts), tasks: Number(row.tasks) };
  }

  async owner(): Promise<{ owner: string; isHeld: boolean } | null> {
    const { rows } = await this.pool.query<{ owner: string; held: boolean }>(
      'SELECT owner, expires_at > clock_timestamp() AS held FROM leases WHERE name = $1',
      [ORCHESTRATOR_LEASE],
    );
    return rows[0] === undefined ? null : { owner: rows[0].owner, isHeld: rows[0].held };
  }

  async countLiveTasks(): Promise<number> {
    const { rows } = await this.pool.query<{ n: string }>('SELECT count(*) AS n FROM live_tasks');
    return Number(rows[0]?.n ?? 0);
  }

  async #fenced<Result>(lease: Lease, work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      await client.query('BEGIN');
      if (!(await lease.fence(client))) throw new LeaseLost('the orchestrator lease is held by another process');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      failure = error as Error;
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release(failure !== undefined && !(failure instanceof LeaseLost));
    }
  }
}

export interface Outstanding {
  position: Position;
  accounts: number;
  tasks: number;
}

interface TaskRow {
  task_id: string;
  tenant: string;
  account_id: string;
  due_ms: string;
  times_out_ms: string;
  is_settled: boolean;
  is_parked: boolean;
}

async function upsertTasks(client: pg.PoolClient, rows: readonly LiveTaskRow[]): Promise<void> {
  await client.query({
    name: 'orchestrator_upsert',
    text: `INSERT INTO live_tasks (task_id, tenant, account_id, due_ms, times_out_ms, is_settled, is_parked)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::boolean[])
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
    ],
  });
}

async function lowerAccounts(client: pg.PoolClient, accounts: readonly DueAccount[]): Promise<void> {
  await client.query({
    name: 'orchestrator_lower',
    text: `INSERT INTO due_accounts (tenant, account_id, due_ms)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
           ON CONFLICT (tenant, account_id) DO UPDATE SET due_ms = excluded.due_ms WHERE due_accounts.due_ms > excluded.due_ms`,
    values: [
      accounts.map((account) => account.tenant),
      accounts.map((account) => account.accountId),
      accounts.map((account) => account.dueAt),
    ],
  });
}

async function setAccounts(client: pg.PoolClient, accounts: DueChanges['booked']): Promise<void> {
  const never = accounts.filter((account) => account.dueAt === null);
  const due = accounts.filter((account) => account.dueAt !== null);
  await client.query({
    name: 'orchestrator_booked',
    text: `INSERT INTO due_accounts (tenant, account_id, due_ms)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
           ON CONFLICT (tenant, account_id) DO UPDATE SET due_ms = excluded.due_ms`,
    values: [due.map((account) => account.tenant), due.map((account) => account.accountId), due.map((account) => account.dueAt)],
  });
  if (never.length > 0)
    await client.query('DELETE FROM due_accounts WHERE (tenant, account_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))', [
      never.map((account) => account.tenant),
      never.map((account) => account.accountId),
    ]);
}
