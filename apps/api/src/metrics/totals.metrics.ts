// 1 HTTP in · the deployment's totals for Prometheus, asked of the read models when somebody looks.
import { Gauge, type Registry } from 'prom-client';
import type { ReadModels } from '#libs/projections';
import { TASK_STATUSES } from '../tasks/task-statuses.js';

export class TotalsMetrics {
  constructor(registry: Registry, models: Pick<ReadModels, 'totals'>) {
    let totals: ReturnType<ReadModels['totals']> | null = null;
    // Both gauges of one look share one question.
    const ask = (): ReturnType<ReadModels['totals']> => {
      totals ??= models.totals().finally(() => (totals = null));
      return totals;
    };
    new Gauge({
      name: 'rollcredits_tasks',
      help: 'Tasks by status.',
      labelNames: ['status'],
      registers: [registry],
      async collect() {
        const found = await ask().catch(() => null);
        // Unknown is not zero: while the database is away there is no figure.
        if (found === null) return this.reset();
        for (const status of TASK_STATUSES) this.set({ status }, found.tasksByStatus[status] ?? 0);
      },
    });
    new Gauge({
      name: 'rollcredits_credits_held',
      help: 'Credits held for open tasks, over all accounts.',
      registers: [registry],
      async collect() {
        const found = await ask().catch(() => null);
        this.set(found?.creditsHeld ?? Number.NaN);
      },
    });
  }
}
