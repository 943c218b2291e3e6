// 5 react · composes the orchestrator of one process: starts it with the process, and lets it finish what it began before the process ends.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Catalogue } from '#libs/catalogue';
import type { CustomerKeys, EventStore, Sessions } from '#libs/event-store';
import { BookDue } from '#libs/ledger';
import {
  CATALOGUE,
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  LOGGER,
  METRICS,
  PG_POOL,
  PROVIDERS,
  TASK_SESSIONS,
  type Config,
  type DeploymentClock,
} from '#libs/platform';
import type { Provider } from '#libs/providers';
import { DueRows } from '#libs/reactions';
import { Settlements } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';
import { FleetModule } from './fleet/fleet.module.js';
import { orchestratorMetrics } from './orchestrator.metrics.js';
import { Orchestrator } from './orchestrator.js';
import { ProviderCalls } from './provider-calls.js';
import { ORCHESTRATOR_LIMITS, REACTION_POLICY } from './reaction.policy.js';

/** Needs, from global modules, what `compose` of #libs/composition gives every role: the CommandBus, the platform, the log, Settlements, DueRows. */
@Module({
  imports: [FleetModule],
  providers: [
    {
      provide: Orchestrator,
      inject: [
        CONFIG,
        PG_POOL,
        CLOCK,
        LOGGER,
        METRICS,
        EVENT_STORE,
        CUSTOMER_KEYS,
        CATALOGUE,
        PROVIDERS,
        TASK_SESSIONS,
        Settlements,
        DueRows,
        CommandBus,
      ],
      useFactory: (
        config: Config,
        pool: pg.Pool,
        clock: DeploymentClock,
        logger: Logger,
        registry: Registry,
        store: EventStore,
        keys: CustomerKeys,
        catalogue: Catalogue,
        providers: ReadonlyMap<string, Provider>,
        sessions: Sessions<TaskState>,
        settlements: Settlements,
        rows: DueRows,
        commands: CommandBus,
      ): Orchestrator => {
        const metrics = orchestratorMetrics(registry, {
          activeTasks: () => orchestrator.active,
          waitingTasks: () => orchestrator.waiting,
          partitions: () => orchestrator.partitions,
          overdue: () => rows.outstanding(clock.now() - 1_000),
        });
        const orchestrator: Orchestrator = new Orchestrator({
          pool,
          store,
          sessions,
          settlements,
          book: (tenant, accountId) => commands.execute(new BookDue(tenant, accountId)),
          calls: new ProviderCalls({ providers, store, keys, catalogue, logger, calls: metrics.calls }),
          providers,
          weightOf: (plan) => catalogue.plan(plan)?.weight ?? 1,
          clock,
          logger,
          metrics,
          policy: { ...REACTION_POLICY, lateResult: config.lateResult, overConsumption: config.overConsumption },
          limits: { ...ORCHESTRATOR_LIMITS, drainTimeoutMs: config.drainTimeoutMs },
        });
        return orchestrator;
      },
    },
  ],
  exports: [Orchestrator],
})
export class OrchestratorModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(Orchestrator) private readonly orchestrator: Orchestrator) {}

  onApplicationBootstrap(): void {
    this.orchestrator.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.orchestrator.stop();
  }
}
