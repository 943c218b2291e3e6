// 4 project · the projector's composition: an engine over every read model, leading while this process holds the lease.
import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, LOGGER, PG_POOL } from '#libs/platform';
import { SignedProofsModule } from '#libs/proof';
import { Prover } from './prover.js';
import { ProjectionEngine, ProjectionProgress, ProjectionsModule, READ_MODEL_LIST } from '#libs/projections';

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

@Module({ imports: [ProjectionsModule, SignedProofsModule], providers: [Projector, Prover], exports: [Projector] })
export class ProjectorModule {}
