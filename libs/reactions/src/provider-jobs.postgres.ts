// 5 react · the places at providers that bound their jobs: one row for each job that runs or waits for its turn, counted over the whole deployment; the only file with that SQL.
import type pg from 'pg';
import type { PartitionHold } from './due-rows.postgres.js';
import { partitionLease } from './partitions.js';

export interface PlacedTask {
  taskId: string;
  tenant: string;
  partition: number;
}

export interface WantedPlace extends PlacedTask {
  /** In virtual time: the account's next turn as far as its process knows; the limit's own time counts if it is later. */
  after: number;
  /** What lies between that and this task's turn: those of the account that got in line with it, each 1/weight. */
  step: number;
}

export interface PlaceRound {
  provider: string;
  jobsMax: number;
  /** Of the partitions that anything is asked for. */
  holds: readonly PartitionHold[];
  left: readonly PlacedTask[];
  /** Jobs that run already, counted even past the bound. */
  running: readonly PlacedTask[];
  wanted: readonly WantedPlace[];
  /** Task ids: which of them have their place by now? */
  awaited: readonly string[];
}

export class ProviderJobs {
  constructor(private readonly pool: pg.Pool) {}

  /** `since`: the virtual time that turns were made from. `given`: those of `awaited` that have a place, by this round or by anybody's. */
  async round(round: PlaceRound): Promise<{ since: number; given: string[] }> {
    const { provider, jobsMax, holds, left, running, wanted, awaited } = round;
    const { rows } = await this.pool.query<{ since: number; given: string[] }>({
      name: 'provider_places',
      text: 'SELECT * FROM take_provider_places($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
      values: [
        provider,
        jobsMax,
        holds.map(({ partition }) => partition),
        holds.map(({ partition }) => partitionLease(partition)),
        holds.map(({ token }) => token),
        left.map(({ taskId }) => taskId),
        ...columns(running),
        ...columns(wanted),
        wanted.map(({ after }) => after),
        wanted.map(({ step }) => step),
        awaited,
      ],
    });
    return rows[0] as { since: number; given: string[] };
  }

  /** Which of these have a place: asked often while others may give it, so nothing is locked. */
  async given(awaited: readonly string[]): Promise<string[]> {
    const { rows } = await this.pool.query<{ task_id: string }>({
      name: 'provider_places_given',
      text: 'SELECT task_id FROM provider_jobs WHERE is_running AND task_id = ANY($1::text[])',
      values: [awaited],
    });
    return rows.map((row) => row.task_id);
  }

  /** Jobs that run, and tasks in line, at each provider that bounds them. */
  async figures(): Promise<Array<{ provider: string; running: number; waiting: number }>> {
    const { rows } = await this.pool.query<{ provider: string; running: string; waiting: string }>(
      `SELECT provider, count(*) FILTER (WHERE is_running) AS running, count(*) FILTER (WHERE NOT is_running) AS waiting
         FROM provider_jobs GROUP BY provider ORDER BY provider`,
    );
    return rows.map(({ provider, running, waiting }) => ({ provider, running: Number(running), waiting: Number(waiting) }));
  }
}

function columns(tasks: readonly PlacedTask[]): [string[], string[], number[]] {
  return [tasks.map(({ taskId }) => taskId), tasks.map(({ tenant }) => tenant), tasks.map(({ partition }) => partition)];
}
