// Composes finance for a process that closes and shows periods.
import { Global, Module } from '@nestjs/common';
import { ClosePeriodHandler } from './close-period.handler.js';
import { PeriodReads } from './period-reads.js';

/** Needs EVENT_STORE, KEYED_COMMANDS, FINANCE_READS, READ_MODELS and CLOCK from global modules, the ledger's BookDue, and HEAD_SOURCE where heads are signed. */
@Global()
@Module({ providers: [ClosePeriodHandler, PeriodReads], exports: [PeriodReads] })
export class FinanceModule {}
