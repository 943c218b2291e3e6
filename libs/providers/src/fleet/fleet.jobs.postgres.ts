// 5 react · the only file that reads or writes the rows of fleets: in batches, under row locks where two sides may decide at once.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import type { FleetJob, FleetVerdict } from './fleet.job.js';

/** Longer than anybody asks about a job: the longest deadline, hold and late window are within it, and so is what Kafka may deliver twice. */
const KEPT_MS = 40 * 86_400_000;
const PRUNED_PER_ROUND_MAX = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
/** PostgreSQL takes less than 8,000 bytes in one notification. */
const NOTIFIED_CHARACTERS_MAX = 7_000;

export const FLEET_CHANNEL = 'rollcredits_fleet';

const NOW_MS = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

interface Row {
  job_id: string;
  client_job_id: string;
  tenant: string;
  task_id: string;
  attempt: number;
  heartbeat_every_ms: number;
  created_ms: string;
  sent_ms: string | null;
  releases: number;
  released_ms: string | null;
  worker: string | null;
  claimed_ms: string | null;
  heard_ms: string | null;
  probed_ms: string | null;
  percent: number | null;
  cancel_ms: string | null;
  lost_ms: string | null;
  verdict_ms: string | null;
  verdict: FleetVerdict | null;
  now_ms: string;
}

export interface SeenJob {
  job: FleetJob;
  /** The database's clock when the row was read. */
  nowMs: number;
}

export type NewFleetJob = Pick<FleetJob, 'jobId' | 'clientJobId' | 'tenant' | 'taskId' | 'attempt' | 'heartbeatEveryMs'>;

/** What a batch of messages came to. */
export interface FleetChange {
  jobs: readonly FleetJob[];
  taken: ReadonlyArray<{ jobId: string; messageId: string }>;
  /** Of which there is news that somebody waits for. */
  news: readonly string[];
}

export class FleetJobs {
  constructor(private readonly pool: pg.Pool) {}

  /** Makes the rows that are not there; answers all as they stand, and whether this call made them. */
  async prepare(jobs: readonly NewFleetJob[]): Promise<Map<string, { job: FleetJob; isNew: boolean }>> {
    const { rows } = await this.pool.query<Row & { is_new: boolean }>({
      ...query('fleet_prepare'),
      text: `WITH made AS (
               INSERT INTO fleet_jobs (job_id, client_job_id, tenant, task_id, attempt, heartbeat_every_ms, created_ms)
               SELECT *, ${NOW_MS} FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::integer[])
               ON CONFLICT (job_id) DO NOTHING
               RETURNING *)
             SELECT made.*, true AS is_new, ${NOW_MS} AS now_ms FROM made
             UNION ALL
             SELECT j.*, false, ${NOW_MS} FROM fleet_jobs AS j WHERE j.job_id = ANY ($1::text[])`,
      values: [
        jobs.map((job) => job.jobId),
        jobs.map((job) => job.clientJobId),
        jobs.map((job) => job.tenant),
        jobs.map((job) => job.taskId),
        jobs.map((job) => job.attempt),
        jobs.map((job) => job.heartbeatEveryMs),
      ],
    });
    return new Map(rows.map((row) => [row.job_id, { job: jobOf(row), isNew: row.is_new }]));
  }

  async find(jobIds: readonly string[]): Promise<Map<string, SeenJob>> {
    const { rows } = await this.pool.query<Row>({
      ...query('fleet_find'),
      text: `SELECT *, ${NOW_MS} AS now_ms FROM fleet_jobs WHERE job_id = ANY ($1::text[])`,
      values: [jobIds],
    });
    return new Map(rows.map((row) => [row.job_id, { job: jobOf(row), nowMs: Number(row.now_ms) }]));
  }

  /** Kafka has them; one that was given back since is to be sent again all the same. */
  async sent(jobs: ReadonlyArray<Pick<FleetJob, 'jobId' | 'releases'>>): Promise<void> {
    await this.pool.query({
      ...query('fleet_sent'),
      text: `UPDATE fleet_jobs AS j SET sent_ms = ${NOW_MS} FROM unnest($1::text[], $2::integer[]) AS s (job_id, releases)
              WHERE j.job_id = s.job_id AND j.releases = s.releases AND j.sent_ms IS NULL`,
      values: [jobs.map((job) => job.jobId), jobs.map((job) => job.releases)],
    });
  }

  /** Gives the attempt up, unless it was heard of since `heardMs` or brought its verdict: true where it is given up now. */
  async giveUp(jobId: string, heardMs: number): Promise<boolean> {
    const { rowCount } = await this.pool.query({
      ...query('fleet_give_up'),
      text: `UPDATE fleet_jobs SET lost_ms = ${NOW_MS}
              WHERE job_id = $1 AND heard_ms = $2 AND lost_ms IS NULL AND verdict IS NULL`,
      values: [jobId, heardMs],
    });
    return rowCount === 1;
  }

  /** From now on nobody wants it; answers it as it then stands, null where it is not there. */
  async cancel(jobId: string): Promise<FleetJob | null> {
    const { rows } = await this.pool.query<Row>({
      ...query('fleet_cancel'),
      text: `UPDATE fleet_jobs SET cancel_ms = CASE WHEN verdict IS NULL THEN coalesce(cancel_ms, ${NOW_MS}) ELSE cancel_ms END
              WHERE job_id = $1 RETURNING *, ${NOW_MS} AS now_ms`,
      values: [jobId],
    });
    const row = rows[0];
    return row === undefined ? null : jobOf(row);
  }

  /**
   * Reads the rows of `jobIds` under their locks, lets `decide` say what becomes of them, and writes that, the ids of the messages and the
   * news in one transaction. What `decide` does elsewhere must be safe to do again: a failure after it undoes the rows only.
   */
  async change(
    jobIds: readonly string[],
    messageIds: readonly string[],
    decide: (
      jobs: ReadonlyMap<string, FleetJob>,
      isTaken: (jobId: string, messageId: string) => boolean,
      nowMs: number,
    ) => Promise<FleetChange>,
  ): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      // Always in one order, so that two intakes never wait for each other.
      const { rows } = await client.query<Row>({
        ...query('fleet_lock'),
        text: `SELECT *, ${NOW_MS} AS now_ms FROM fleet_jobs WHERE job_id = ANY ($1::text[]) ORDER BY job_id FOR UPDATE`,
        values: [jobIds],
      });
      const taken = await takenOf(client, jobIds, messageIds);
      const nowMs = rows[0] === undefined ? 0 : Number(rows[0].now_ms);
      const jobs = new Map(rows.map((row) => [row.job_id, jobOf(row)]));
      const change = await decide(jobs, (jobId, messageId) => taken.has(`${jobId} ${messageId}`), nowMs);
      await write(client, change);
    });
  }

  /** Forgets what nobody can ask about any more, a bounded number at a time. */
  async prune(): Promise<void> {
    for (const [table, column, key] of [
      ['fleet_jobs', 'created_ms', 'job_id'],
      ['fleet_messages', 'taken_ms', 'ctid'],
    ] as const) {
      await this.pool.query({
        ...query(`fleet_prune_${table}`),
        text: `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${column} < ${NOW_MS} - $1::bigint LIMIT $2)`,
        values: [KEPT_MS, PRUNED_PER_ROUND_MAX],
      });
    }
  }
}

async function takenOf(client: pg.ClientBase, jobIds: readonly string[], messageIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ job_id: string; message_id: string }>({
    ...query('fleet_taken'),
    text: 'SELECT job_id, message_id FROM fleet_messages WHERE job_id = ANY ($1::text[]) AND message_id = ANY ($2::text[])',
    values: [jobIds, messageIds],
  });
  return new Set(rows.map((row) => `${row.job_id} ${row.message_id}`));
}

async function write(client: pg.ClientBase, { jobs, taken, news }: FleetChange): Promise<void> {
  if (jobs.length > 0) {
    await client.query({
      ...query('fleet_write'),
      text: `UPDATE fleet_jobs AS j
                SET sent_ms = n.sent_ms, releases = n.releases, released_ms = n.released_ms, worker = n.worker, claimed_ms = n.claimed_ms,
                    heard_ms = n.heard_ms, probed_ms = n.probed_ms, percent = n.percent, verdict_ms = n.verdict_ms, verdict = n.verdict
               FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
                           $9::integer[], $10::bigint[], $11::jsonb[])
                 AS n (job_id, sent_ms, releases, released_ms, worker, claimed_ms, heard_ms, probed_ms, percent, verdict_ms, verdict)
              WHERE j.job_id = n.job_id`,
      values: [
        jobs.map((job) => job.jobId),
        jobs.map((job) => job.sentMs),
        jobs.map((job) => job.releases),
        jobs.map((job) => job.releasedMs),
        jobs.map((job) => job.worker),
        jobs.map((job) => job.claimedMs),
        jobs.map((job) => job.heardMs),
        jobs.map((job) => job.probedMs),
        jobs.map((job) => job.percent),
        jobs.map((job) => job.verdictMs),
        jobs.map((job) => (job.verdict === null ? null : JSON.stringify(job.verdict))),
      ],
    });
  }
  if (taken.length > 0) {
    await client.query({
      ...query('fleet_take'),
      text: `INSERT INTO fleet_messages (job_id, message_id, taken_ms) SELECT *, ${NOW_MS} FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`,
      values: [taken.map(({ jobId }) => jobId), taken.map(({ messageId }) => messageId)],
    });
  }
  for (const payload of payloads(news)) await client.query('SELECT pg_notify($1, $2)', [FLEET_CHANNEL, payload]);
}

function payloads(news: readonly string[]): string[] {
  const texts: string[] = [];
  for (const jobId of new Set(news)) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + jobId.length < NOTIFIED_CHARACTERS_MAX) texts[texts.length - 1] = `${last},${jobId}`;
    else texts.push(jobId);
  }
  return texts;
}

function query(name: string): { name: string; query_timeout: number } {
  return { name, query_timeout: QUERY_TIMEOUT_MS };
}

function jobOf(row: Row): FleetJob {
  return {
    jobId: row.job_id,
    clientJobId: row.client_job_id,
    tenant: row.tenant,
    taskId: row.task_id,
    attempt: row.attempt,
    heartbeatEveryMs: row.heartbeat_every_ms,
    createdMs: Number(row.created_ms),
    sentMs: ms(row.sent_ms),
    releases: row.releases,
    releasedMs: ms(row.released_ms),
    worker: row.worker,
    claimedMs: ms(row.claimed_ms),
    heardMs: ms(row.heard_ms),
    probedMs: ms(row.probed_ms),
    percent: row.percent,
    cancelMs: ms(row.cancel_ms),
    lostMs: ms(row.lost_ms),
    verdictMs: ms(row.verdict_ms),
    verdict: row.verdict,
  };
}

function ms(text: string | null): number | null {
  return text === null ? null : Number(text);
}
