// Hands a process the read models: READ_MODELS for the API, TASK_LEDGER_FACTS for settlement; the projector adds the engine that fills them.
import { Global, Inject, Module, type OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import type { Clock } from '#libs/kernel';
import type { Catalogue } from '#libs/catalogue';
import type { CustomerKeys, EventStore } from '#libs/event-store';
import {
  BILL_READS,
  CATALOGUE,
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  FINANCE_READS,
  PG_POOL,
  READ_MODELS,
  STUDIO_READS,
  type Config,
} from '#libs/platform';
import { TASK_LEDGER_FACTS } from '#libs/settlement';
import { ProjectionProgress } from './engine/progress.js';
import { ProjectionRegistry } from './engine/registry.postgres.js';
import { PostgresFinanceReads } from './journal/finance-reads.postgres.js';
import { PostgresBillReads } from './provider-bills/query.postgres.js';
import { READ_MODEL_LIST } from './read-models.js';
import { PostgresReadModels } from './read-models.postgres.js';
import { ProjectedTaskLedgerFacts } from './receipts/query.postgres.js';
import { PostgresStudioReads } from './studio/studio-reads.postgres.js';

@Global()
@Module({
  providers: [
    ProjectionProgress,
    {
      provide: READ_MODELS,
      inject: [PG_POOL, EVENT_STORE, CLOCK, CUSTOMER_KEYS, CATALOGUE, CONFIG, ProjectionProgress],
      useFactory: (
        pool: pg.Pool,
        store: EventStore,
        clock: Clock,
        keys: CustomerKeys,
        catalogue: Catalogue,
        config: Config,
        progress: ProjectionProgress,
      ) => new PostgresReadModels({ pool, store, clock, keys, catalogue, burnOrder: config.burnOrder, progress }),
    },
    {
      provide: TASK_LEDGER_FACTS,
      inject: [READ_MODELS],
      useFactory: (readModels: PostgresReadModels) =>
        new ProjectedTaskLedgerFacts(readModels.taskQueries, (position, timeoutMs) => readModels.waitFor(position, timeoutMs)),
    },
    { provide: FINANCE_READS, inject: [PG_POOL], useFactory: (pool: pg.Pool) => new PostgresFinanceReads(pool) },
    { provide: BILL_READS, inject: [PG_POOL], useFactory: (pool: pg.Pool) => new PostgresBillReads(pool) },
    {
      provide: STUDIO_READS,
      inject: [PG_POOL, CUSTOMER_KEYS],
      useFactory: (pool: pg.Pool, keys: CustomerKeys) => new PostgresStudioReads(pool, keys),
    },
  ],
  exports: [READ_MODELS, FINANCE_READS, BILL_READS, STUDIO_READS, TASK_LEDGER_FACTS, ProjectionProgress],
})
export class ProjectionsModule implements OnModuleInit {
  constructor(@Inject(PG_POOL) private readonly pool: pg.Pool) {}

  /** The tables are there before anything reads them, also where no projector has run yet. */
  async onModuleInit(): Promise<void> {
    await new ProjectionRegistry(this.pool).ensure(READ_MODEL_LIST);
  }
}
