// 5 react · says how reacting is doing, from any process: who owns which partition, how far behind the last of them is, what is overdue; for /readyz.
import type { Clock } from '#libs/kernel';
import { type EventStore, type Position } from '#libs/event-store';
import type { DueRows } from './due-rows.postgres.js';
import { ALL_PARTITIONS } from './partitions.js';

export interface OrchestratorStatusView {
  /** Whether every partition is owned now. */
  isLeased: boolean;
  /** Of each partition that is owned now. */
  owners: ReadonlyMap<number, string>;
  /** Partitions that nobody owns: their tasks wait. */
  unowned: number[];
  /** Of the partition that is furthest behind. */
  position: Position;
  /** Age of the oldest fact that it has not recorded as seen; 0 at the head. It records in rounds, so some hundred ms are normal. */
  lagMs: number;
  /** Past their deadline without being settled. */
  overdueTasks: number;
  /** Past their boundary or lapse. */
  overdueAccounts: number;
}

/** Longer behind than this, and something is wrong. */
export const ORCHESTRATOR_LAG_MS_MAX = 10_000;

export class OrchestratorStatus {
  constructor(
    private readonly rows: Pick<DueRows, 'owners' | 'outstanding'>,
    private readonly store: Pick<EventStore, 'readAll'>,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<OrchestratorStatusView> {
    const now = this.clock.now();
    const [owners, outstanding] = await Promise.all([this.rows.owners(), this.rows.outstanding(now - 1_000)]);
    const [unseen] = (await this.store.readAll({ after: outstanding.position, limit: 1 })).facts;
    const unowned = ALL_PARTITIONS.filter((partition) => !owners.has(partition));
    return {
      isLeased: unowned.length === 0,
      owners,
      unowned,
      position: outstanding.position,
      lagMs: unseen === undefined ? 0 : Math.max(0, now - unseen.recordedAt),
      overdueTasks: outstanding.tasks,
      overdueAccounts: outstanding.accounts,
    };
  }
}
