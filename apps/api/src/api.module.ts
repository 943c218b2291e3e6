// 1 HTTP in · the edge as a Nest module: controllers and what they share. What they command and read comes from the libs' modules.
import { Global, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { Registry } from 'prom-client';
import { AssetsModule } from '#libs/assets';
import { FinanceModule } from '#libs/finance';
import { LedgerModule } from '#libs/ledger';
import { HEAD_SOURCE, METRICS, READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { LedgerProofs, SignedProofsModule } from '#libs/proof';
import { API_CONTROLLERS } from './api.controllers.js';
import { PastBalances } from './accounts/past-balances.js';
import { AuditLog } from './audit/audit-log.js';
import { CatalogueReads } from './catalogue/catalogue.reads.js';
import { CaughtUp } from './http/caught-up.js';
import { Drain } from './http/drain.js';
import { Reads } from './http/reads.js';
import { Writes } from './http/writes.js';
import { ApiKeys } from './keys/api-keys.service.js';
import { HttpMetrics } from './metrics/http.metrics.js';
import { TotalsMetrics } from './metrics/totals.metrics.js';
import { openApiDocument } from './openapi/openapi.document.js';
import { OPENAPI_TEXT } from './openapi/openapi.token.js';
import { ReadinessParts } from './operations/readiness-parts.js';
import { AccountHistories } from './support/account-histories.js';
import { TaskTail } from './tasks/task-tail.js';

/** A closed period quotes the signed head that covers it. */
@Global()
@Module({
  imports: [SignedProofsModule],
  providers: [{ provide: HEAD_SOURCE, useExisting: LedgerProofs }],
  exports: [HEAD_SOURCE],
})
class ProvenPeriodsModule {}

/**
 * Needs, from global modules: CONFIG, LOGGER, METRICS, READINESS, PG_POOL, CLOCK, EVENT_STORE, KEYED_COMMANDS, CATALOGUE, READ_MODELS, TestClock;
 * and the handlers of the libs' commands.
 */
@Module({
  imports: [CqrsModule.forRoot(), LedgerModule, SignedProofsModule, ProvenPeriodsModule, FinanceModule, AssetsModule],
  controllers: [...API_CONTROLLERS],
  providers: [
    Writes,
    Reads,
    CaughtUp,
    CatalogueReads,
    PastBalances,
    AccountHistories,
    AuditLog,
    ApiKeys,
    Drain,
    TaskTail,
    ReadinessParts,
    { provide: HttpMetrics, inject: [METRICS], useFactory: (registry: Registry) => new HttpMetrics(registry) },
    {
      provide: TotalsMetrics,
      inject: [METRICS, READ_MODELS],
      useFactory: (registry: Registry, models: ReadModels) => new TotalsMetrics(registry, models),
    },
    { provide: OPENAPI_TEXT, useFactory: () => JSON.stringify(openApiDocument(API_CONTROLLERS)) },
  ],
  exports: [ApiKeys, AuditLog, Drain, HttpMetrics],
})
export class ApiModule {}
