// 4 project · the read models' figures at /metrics: how far each is behind the log, whether somebody projects it, whether a fact stopped it.
import { Gauge, type Registry } from 'prom-client';
import type { ProjectionStatus, ReadModels } from '#libs/projections';

/** Read from the database when somebody looks, so every process that shows them shows the same. */
export class ProjectorMetrics {
  constructor(registry: Registry, models: Pick<ReadModels, 'status'>) {
    let asked: Promise<ProjectionStatus[]> | null = null;
    // The gauges of one look share one question.
    const ask = (): Promise<ProjectionStatus[]> => (asked ??= models.status().finally(() => (asked = null)));
    const gauge = (name: string, help: string, figure: (status: ProjectionStatus) => number): void => {
      new Gauge({
        name: `rollcredits_projection_${name}`,
        help,
        labelNames: ['read_model'],
        registers: [registry],
        async collect() {
          const found = await ask().catch(() => null);
          // Unknown is not zero: while the database is away there is no figure.
          this.reset();
          for (const status of found ?? []) this.set({ read_model: status.name }, figure(status));
        },
      });
    };
    gauge('lag_ms', 'Age of the oldest fact that a read model has not applied; 0 at the log end.', (status) => status.lagMs);
    gauge('stopped', '1 where a fact could not be applied and the read model stopped before it.', (status) =>
      status.failure === null ? 0 : 1,
    );
    gauge('leased', '1 where a process projects.', (status) => (status.leased ? 1 : 0));
  }
}
