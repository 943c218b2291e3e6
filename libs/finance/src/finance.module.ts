// Composes finance for a process that closes and shows periods and imports provider bills.
import { Global, Module } from '@nestjs/common';
import type pg from 'pg';
import { DEFAULT_PROVIDER } from '#libs/catalogue';
import type { EventStore } from '#libs/event-store';
import type { Clock } from '#libs/kernel';
import { CLOCK, EVENT_STORE, PG_POOL, PROVIDERS, READ_MODELS } from '#libs/platform';
import { BillImport, type BillImportParts } from './bill-import.js';
import { BillResumer } from './bill-resumer.js';
import { PostgresBillLeases, PostgresBillStaging } from './bill-staging.postgres.js';
import { ClosePeriodHandler } from './close-period.handler.js';
import { PeriodReads } from './period-reads.js';

/** Needs EVENT_STORE, KEYED_COMMANDS, FINANCE_READS, READ_MODELS, PROVIDERS, PG_POOL, LOGGER and CLOCK from global modules, the ledger's BookDue, and HEAD_SOURCE where heads are signed. */
@Global()
@Module({
  providers: [
    ClosePeriodHandler,
    PeriodReads,
    {
      provide: BillImport,
      inject: [PG_POOL, EVENT_STORE, READ_MODELS, CLOCK, PROVIDERS],
      useFactory: (
        pool: pg.Pool,
        store: EventStore,
        projected: BillImportParts['projected'],
        clock: Clock,
        providers: ReadonlyMap<string, unknown>,
      ) =>
        new BillImport({
          ...{ staging: new PostgresBillStaging(pool), leases: new PostgresBillLeases(pool), store, projected, clock },
          providerExists: (id) => providers.has(id),
          defaultProvider: DEFAULT_PROVIDER,
        }),
    },
    BillResumer,
  ],
  exports: [BillImport, PeriodReads],
})
export class FinanceModule {}
