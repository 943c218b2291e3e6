// 4 project · the projector's composition: an engine over every read model, leading while this process holds the lease.
import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, LOGGER, METRICS, PG_POOL, READ_MODELS } from '#libs/platform';
import { ProjectionEngine, ProjectionProgress, ProjectionsModule, READ_MODEL_LIST, type ReadModels } from '#libs/projections';
import { ProjectorMetrics } from './projector.metrics.js';
import { SignedProofsModule } from '#libs/proof';
import { Prover } from './prover.js';

/** Starts the engine with the process and ends it before the pool closes. */
@Injectable()
export class Projector implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly engine: ProjectionEngine;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(PG_POOL) pool: pg.Pool,
    @Inject(LOGGER) logger: Logger,
    @Inject(ProjectionProgress) progress: ProjectionProgress,
  ) {
    this.engine = new ProjectionEngine(store, pool, READ_MODEL_LIST, progress, {
      onError: (error) => logger.error({ err: error }, 'projecting failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.engine.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.engine.stop();
  }
}

@Module({
  imports: [ProjectionsModule, SignedProofsModule],
  providers: [
    Projector,
    Prover,
    {
      provide: ProjectorMetrics,
      inject: [METRICS, READ_MODELS],
      useFactory: (registry: Registry, models: ReadModels) => new ProjectorMetrics(registry, models),
    },
  ],
  exports: [Projector],
})
export class ProjectorModule {}
