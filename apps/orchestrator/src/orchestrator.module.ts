// 5 react · composes the orchestrator of one process: starts it with the process, and lets it finish what it began before the process ends.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
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
  StartupError,
  TASK_SESSIONS,
  type Config,
  type DeploymentClock,
} from '#libs/platform';
import type { Provider } from '#libs/providers';
import { DueRows } from '#libs/reactions';
import { CommandRouter, RoutedSettlements } from '#libs/routing';
import { InterruptionsModule } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';
import { FleetModule } from './fleet/fleet.module.js';
import { FollowersModule } from './followers/followers.module.js';
import { orchestratorMetrics } from './orchestrator.metrics.js';
import { Orchestrator } from './orchestrator.js';
import { ProviderCalls } from './provider-calls.js';
import { ORCHESTRATOR_LIMITS, REACTION_POLICY } from './reaction.policy.js';

/** Needs, from global modules, what `compose` of #libs/composition gives every role: the CommandRouter, the platform, the log, RoutedSettlements, DueRows. */
@Module({
  imports: [FleetModule, FollowersModule, InterruptionsModule],
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
        RoutedSettlements,
        DueRows,
        CommandRouter,
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
        settlements: RoutedSettlements,
        rows: DueRows,
        commands: CommandRouter,
      ): Orchestrator => {
        const strangers = Object.keys(config.providerJobsMax).filter((id) => !providers.has(id));
        if (strangers.length > 0)
          throw new StartupError(
            `PROVIDER_JOBS_MAX names ${strangers.join(', ')}, but this deployment has the providers ${[...providers.keys()].join(', ')}`,
          );
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
          jobsMaxOf: (id) => config.providerJobsMax[id] ?? providers.get(id)?.capabilities.jobsMax ?? null,
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
