// Every controller of the API, in one list: the module serves them, the OpenAPI document is made from them.
import type { Type } from '@nestjs/common';
import { AccountsController } from './accounts/accounts.controller.js';
import { CreditsController } from './accounts/credits.controller.js';
import { AccountAdjustmentsController } from './adjustments/account-adjustments.controller.js';
import { AdjustmentsController } from './adjustments/adjustments.controller.js';
import { AssetsController } from './assets/assets.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { ModelsController } from './catalogue/models.controller.js';
import { PlansController } from './catalogue/plans.controller.js';
import { FinanceController } from './finance/finance.controller.js';
import { JournalController } from './finance/journal.controller.js';
import { PeriodsController } from './finance/periods.controller.js';
import { ProviderBillsController } from './finance/provider-bills.controller.js';
import { ApiKeysController } from './keys/api-keys.controller.js';
import { AccountDisputesController } from './disputes/account-disputes.controller.js';
import { DisputesController } from './disputes/disputes.controller.js';
import { LedgerController } from './ledger/ledger.controller.js';
import { OperationsController } from './operations/operations.controller.js';
import { TestClockController } from './operations/test-clock.controller.js';
import { QuotesController } from './quotes/quotes.controller.js';
import { SupportController } from './support/support.controller.js';
import { AttemptsController } from './studio/attempts.controller.js';
import { BenchmarksController } from './studio/benchmarks.controller.js';
import { BriefsController } from './studio/briefs.controller.js';
import { ClipsController } from './studio/clips.controller.js';
import { PromptsController } from './studio/prompts.controller.js';
import { ReportsController } from './studio/reports.controller.js';
import { BatchController } from './tasks/batch.controller.js';
import { TaskEventsController } from './tasks/task-events.controller.js';
import { TasksController } from './tasks/tasks.controller.js';

export const API_CONTROLLERS: readonly Type[] = [
  AccountsController,
  CreditsController,
  AccountDisputesController,
  DisputesController,
  AccountAdjustmentsController,
  AdjustmentsController,
  ModelsController,
  PlansController,
  QuotesController,
  BatchController,
  TasksController,
  TaskEventsController,
  AssetsController,
  JournalController,
  FinanceController,
  PeriodsController,
  ProviderBillsController,
  BriefsController,
  PromptsController,
  ClipsController,
  AttemptsController,
  BenchmarksController,
  ReportsController,
  LedgerController,
  SupportController,
  AuditController,
  ApiKeysController,
  TestClockController,
  OperationsController,
];
