// 5 → 2 · Settlements as the orchestrator calls them, decided by the process that owns the account where that is another one.
import { SettleEnding, SettleTask, type Settled, type SettlementCause, type Settlements } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';
import type { CommandRouter } from './command-router.js';

export class RoutedSettlements implements Pick<Settlements, 'settle' | 'settleFromLog'> {
  constructor(
    private readonly settlements: Settlements,
    private readonly router: CommandRouter,
  ) {}

  settle(tenant: string, task: TaskState, cause: SettlementCause): Promise<Settled> {
    // The bus is spared where nothing is sent: this is asked once in every task's life.
    if (!this.router.isElsewhere(tenant, task.accountId)) return this.settlements.settle(tenant, task, cause);
    return this.router.execute(new SettleEnding(tenant, task, cause));
  }

  settleFromLog(tenant: string, taskId: string, causationId: string | null): Promise<Settled> {
    return this.router.execute(new SettleTask(tenant, taskId, causationId));
  }
}
