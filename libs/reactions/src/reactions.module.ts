// 5 react · gives any process the orchestrator's rows, its status (also on /readyz) and the test clock, without being the orchestrator.
import { Global, Module, type OnModuleDestroy, type OnModuleInit, Inject, Optional } from '@nestjs/common';
import type pg from 'pg';
import type { Clock } from '#libs/kernel';
import { EventStoreUnavailable, type EventStore } from '#libs/event-store';
import { CLOCK, EVENT_STORE, PG_POOL, READINESS, READ_MODELS, type DeploymentClock, type PartHealth, type Readiness } from '#libs/platform';
import { DueRows } from './due-rows.postgres.js';
import { ORCHESTRATOR_LAG_MS_MAX, OrchestratorStatus } from './orchestrator-status.js';
import { TestClock } from './test-clock.js';

/** What the test clock waits for beyond the orchestrator. */
interface Readable {
  waitFor(position: string, timeoutMs: number): Promise<boolean>;
}

/** Needs PG_POOL, CLOCK, EVENT_STORE, READINESS and, where there are read models, READ_MODELS; gives DueRows, OrchestratorStatus, TestClock. */
@Global()
@Module({
  providers: [
    { provide: DueRows, useFactory: (pool: pg.Pool) => new DueRows(pool), inject: [PG_POOL] },
    {
      provide: OrchestratorStatus,
      useFactory: (rows: DueRows, store: EventStore, clock: Clock) => new OrchestratorStatus(rows, store, clock),
      inject: [DueRows, EVENT_STORE, CLOCK],
    },
    {
      provide: TestClock,
      useFactory: (rows: DueRows, store: EventStore, clock: DeploymentClock, readModels?: Readable) =>
        new TestClock({
          clock,
          store,
          rows,
          waitFor: async (position, timeoutMs) => readModels === undefined || (await readModels.waitFor(position, timeoutMs)),
        }),
      inject: [DueRows, EVENT_STORE, CLOCK, { token: READ_MODELS, optional: true }],
    },
  ],
  exports: [DueRows, OrchestratorStatus, TestClock],
})
export class ReactionsModule implements OnModuleInit, OnModuleDestroy {
  #takeAway: (() => void) | undefined;

  constructor(
    private readonly status: OrchestratorStatus,
    @Optional() @Inject(READINESS) private readonly readiness: Readiness | undefined,
  ) {}

  onModuleInit(): void {
    this.#takeAway = this.readiness?.register('orchestrator', () => this.#health());
  }

  onModuleDestroy(): void {
    this.#takeAway?.();
  }

  async #health(): Promise<PartHealth> {
    try {
      const { owners, unowned, lagMs, position, overdueTasks, overdueAccounts } = await this.status.read();
      const figures = { lagMs, position, overdueTasks, overdueAccounts, processes: new Set(owners.values()).size };
      if (owners.size === 0) return { status: 'degraded', detail: 'no process is an orchestrator: tasks wait', ...figures };
      if (unowned.length > 0)
        return { status: 'degraded', detail: `no process owns ${partitionsText(unowned)}: their tasks wait`, ...figures };
      if (lagMs > ORCHESTRATOR_LAG_MS_MAX) return { status: 'degraded', detail: 'the orchestrators are behind the log', ...figures };
      return { status: 'ok', ...figures };
    } catch (error) {
      if (error instanceof EventStoreUnavailable) return { status: 'down', detail: 'the log cannot be read' };
      throw error;
    }
  }
}

function partitionsText(partitions: readonly number[]): string {
  return partitions.length === 1 ? `partition ${partitions.join()} of reactions` : `the partitions ${partitions.join(', ')} of reactions`;
}
