// 5 react · the simulator's own table of jobs: the only file that reads or writes it, in batches.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import { statusOf, type SimulatedJob } from './simulator.status.js';

/** Longer than the simulator is ever asked about a job: the longest deadline and the late window are a day each. */
const KEPT_MS = 7 * 86_400_000;
const PRUNED_PER_ROUND_MAX = 5_000;
/** The simulator answers within this, or says that it does not know. */
const QUERY_TIMEOUT_MS = 5_000;

interface Row {
  client_job_id: string;
  outcome: SimulatedJob['outcome'];
  created_ms: string;
  due_ms: string;
  deadline_ms: string;
  cancelled_ms: string | null;
  output_type: SimulatedJob['outputType'];
  duration_seconds: string | null;
  delivered_fraction: string;
  cost_currency: string | null;
  cost_minor: string | null;
}

export class SimulatorJobs {
  constructor(private readonly pool: pg.Pool) {}

  /** Creates what is not there yet; answers the ids of the jobs that this call created. */
  async create(jobs: readonly SimulatedJob[]): Promise<Set<string>> {
    const { rows } = await this.pool.query<{ client_job_id: string }>({
      ...query('simulator_create'),
      text: `INSERT INTO simulator_jobs
               (client_job_id, outcome, created_ms, due_ms, deadline_ms, output_type, duration_seconds, delivered_fraction, cost_currency, cost_minor)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[])
             ON CONFLICT (client_job_id) DO NOTHING
             RETURNING client_job_id`,
      values: [
        jobs.map((job) => job.clientJobId),
        jobs.map((job) => job.outcome),
        jobs.map((job) => job.createdMs),
        jobs.map((job) => job.dueMs),
        jobs.map((job) => job.deadlineMs),
        jobs.map((job) => job.outputType),
        jobs.map((job) => job.durationSeconds),
        jobs.map((job) => job.deliveredFraction),
        jobs.map((job) => job.cost?.currency ?? null),
        jobs.map((job) => job.cost?.amountMinor ?? null),
      ],
    });
    return new Set(rows.map((row) => row.client_job_id));
  }

  async find(clientJobIds: readonly string[]): Promise<Map<string, SimulatedJob>> {
    const { rows } = await this.pool.query<Row>({
      ...query('simulator_find'),
      text: 'SELECT * FROM simulator_jobs WHERE client_job_id = ANY($1::text[])',
      values: [clientJobIds],
    });
    return new Map(rows.map((row) => [row.client_job_id, jobOf(row)]));
  }

  /** Cancels those that still run, under their row locks; answers every job as it stands afterwards. */
  async cancel(clientJobIds: readonly string[], deploymentNow: number): Promise<Map<string, SimulatedJob>> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<Row>({
        ...query('simulator_lock'),
        text: 'SELECT * FROM simulator_jobs WHERE client_job_id = ANY($1::text[]) ORDER BY client_job_id FOR UPDATE',
        values: [clientJobIds],
      });
      const realNow = Date.now();
      const jobs = new Map(rows.map((row) => [row.client_job_id, jobOf(row)]));
      const cancelled = [...jobs.values()].filter((job) => statusOf(job, realNow, deploymentNow).kind === 'running');
      for (const job of cancelled) job.cancelledMs = realNow;
      await client.query({
        ...query('simulator_cancel'),
        text: 'UPDATE simulator_jobs SET cancelled_ms = $2 WHERE client_job_id = ANY($1::text[])',
        values: [cancelled.map((job) => job.clientJobId), realNow],
      });
      return jobs;
    });
  }

  /** Forgets jobs that nobody can ask about any more, a bounded number at a time; answers how many went. */
  async prune(realNow: number): Promise<number> {
    const { rowCount } = await this.pool.query({
      ...query('simulator_prune'),
      text: `DELETE FROM simulator_jobs WHERE client_job_id IN (SELECT client_job_id FROM simulator_jobs WHERE created_ms < $1 LIMIT $2)`,
      values: [realNow - KEPT_MS, PRUNED_PER_ROUND_MAX],
    });
    return rowCount ?? 0;
  }
}

function query(name: string): { name: string; query_timeout: number } {
  return { name, query_timeout: QUERY_TIMEOUT_MS };
}

function jobOf(row: Row): SimulatedJob {
  return {
    clientJobId: row.client_job_id,
    outcome: row.outcome,
    createdMs: Number(row.created_ms),
    dueMs: Number(row.due_ms),
    deadlineMs: Number(row.deadline_ms),
    cancelledMs: row.cancelled_ms === null ? null : Number(row.cancelled_ms),
    outputType: row.output_type,
    durationSeconds: row.duration_seconds,
    deliveredFraction: row.delivered_fraction,
    cost: row.cost_currency === null ? null : { currency: row.cost_currency, amountMinor: Number(row.cost_minor) },
  };
}
