// 5 react · says how the orchestrator is doing, from any process: who owns it, how far behind it is, what it has overdue; for /readyz.
import type { Clock } from '#libs/kernel';
import { type EventStore, type Position } from '#libs/event-store';
import type { DueRows } from './due-rows.postgres.js';

export interface OrchestratorStatusView {
  /** Whether a process holds the lease now. */
  isLeased: boolean;
  owner: string | null;
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
    private readonly rows: Pick<DueRows, 'owner' | 'outstanding'>,
    private readonly store: Pick<EventStore, 'readAll'>,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<OrchestratorStatusView> {
    const now = this.clock.now();
    const [owner, outstanding] = await Promise.all([this.rows.owner(), this.rows.outstanding(now - 1_000)]);
    const [unseen] = (await this.store.readAll({ after: outstanding.position, limit: 1 })).facts;
    return {
      isLeased: owner?.isHeld ?? false,
      owner: owner?.isHeld === true ? owner.owner : null,
      position: outstanding.position,
      lagMs: unseen === undefined ? 0 : Math.max(0, now - unseen.recordedAt),
      overdueTasks: outstanding.tasks,
      overdueAccounts: outstanding.accounts,
    };
  }
}
