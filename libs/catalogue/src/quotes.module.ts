// 1 → 2 · gives a process that writes the quote handler; apart from the catalogue's module because quotes look at accounts, and accounts at plans.
import { Module } from '@nestjs/common';
import { LedgerModule } from '#libs/ledger';
import { CreateQuoteHandler } from './quote.handler.js';

/** Needs EVENT_STORE, CONFIG, KEYED_COMMANDS, CATALOGUE and QUOTE_STORE from global modules. */
@Module({ imports: [LedgerModule], providers: [CreateQuoteHandler] })
export class QuotesModule {}
