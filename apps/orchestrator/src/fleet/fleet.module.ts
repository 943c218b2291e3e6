// 5 react · where KAFKA_BROKERS are set, lets an orchestrator's process take in what the workers of fleets say; many may do so at once.
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '#libs/kernel';
import type { Catalogue } from '#libs/catalogue';
import type { EventStore, Sessions } from '#libs/event-store';
import type { Messaging } from '#libs/messaging';
import {
  CATALOGUE,
  CLOCK,
  CONFIG,
  DEPLOYMENT_SECRET,
  EVENT_STORE,
  LOGGER,
  MESSAGING,
  METRICS,
  PG_POOL,
  READINESS,
  TASK_SESSIONS,
  type Config,
  type DeploymentSecret,
  type Readiness,
} from '#libs/platform';
import { FleetIntake, fleetMetrics } from '#libs/providers';
import { RoutedSettlements } from '#libs/routing';
import type { TaskState } from '#libs/tasks';
import { REACTION_POLICY } from '../reaction.policy.js';
import { FleetTopics } from './fleet-topics.js';
import { DeadLetterWatch } from './dead-letter-watch.js';
import { LateVerdicts } from './late-verdicts.js';

interface Fleet {
  topics: FleetTopics;
  intake: FleetIntake;
  watch: DeadLetterWatch;
}

const FLEET = Symbol('Fleet');

@Module({
  providers: [
    {
      provide: FLEET,
      inject: [
        CONFIG,
        PG_POOL,
        CLOCK,
        LOGGER,
        METRICS,
        READINESS,
        EVENT_STORE,
        TASK_SESSIONS,
        RoutedSettlements,
        CATALOGUE,
        DEPLOYMENT_SECRET,
        { token: MESSAGING, optional: true },
      ],
      useFactory: (
        config: Config,
        pool: pg.Pool,
        clock: Clock,
        logger: Logger,
        registry: Registry,
        readiness: Readiness,
        store: EventStore,
        sessions: Sessions<TaskState>,
        settlements: RoutedSettlements,
        catalogue: Catalogue,
        secret: DeploymentSecret,
        messaging: Messaging | null | undefined,
      ): Fleet | null => {
        if (!messaging) return null;
        const policy = { ...REACTION_POLICY, lateResult: config.lateResult, overConsumption: config.overConsumption };
        const late = new LateVerdicts({ store, sessions, settlements, policy });
        const watch = new DeadLetterWatch(messaging, config, readiness);
        const metrics = fleetMetrics(registry, () => watch.open);
        const recordLate: LateVerdicts['record'] = (job, report) => late.record(job, report);
        const intake = new FleetIntake({ pool, clock, messaging, secret, settings: config, logger, metrics, recordLate });
        return { intake, watch, topics: new FleetTopics(messaging, config, catalogue) };
      },
    },
  ],
})
export class FleetModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(FLEET) private readonly fleet: Fleet | null) {}

  onApplicationBootstrap(): void {
    this.fleet?.intake.start(() => this.fleet?.watch.start());
    this.fleet?.topics.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([this.fleet?.intake.stop(), this.fleet?.topics.stop()]);
    await this.fleet?.watch.stop();
  }
}
