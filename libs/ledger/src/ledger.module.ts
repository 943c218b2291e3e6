// Composes the ledger for a process that writes: account sessions, contexts, and the handlers of the account commands.
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Clock } from '#libs/kernel';
import { type CustomerKeys, type EventStore, type KeyedCommands, type Sessions, type Snapshots } from '#libs/event-store';
import {
  ACCOUNT_SESSIONS,
  CATALOGUE,
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  KEYED_COMMANDS,
  SNAPSHOTS,
  type Config,
} from '#libs/platform';
import { accountDecider } from './account.decider.js';
import {
  ChangePlanHandler,
  GrantCreditsHandler,
  OpenAccountHandler,
  ResetCycleHandler,
  ResumeAccountHandler,
  RevokeGrantHandler,
  SuspendAccountHandler,
} from './account.handler.js';
import { AdjustCreditsHandler, ApproveAdjustmentHandler, RejectAdjustmentHandler } from './adjustment.handler.js';
import { AccountSessions } from './account.sessions.js';
import { accountSnapshot } from './account.snapshot.js';
import type { AccountState } from './account.state.js';
import { AccountWrites } from './account.writes.js';
import { BookDueHandler } from './book-due.handler.js';
import { EndDisputeHandler, OpenDisputeHandler } from './dispute.handler.js';
import { ledgerContexts, policiesOf, type LedgerContextOf, type PlanSource } from './ledger-context.js';
import { LEDGER_CONTEXTS } from './ledger.tokens.js';

/** Needs CONFIG, CLOCK, EVENT_STORE, SNAPSHOTS, CUSTOMER_KEYS, KEYED_COMMANDS and CATALOGUE from global modules, and the CqrsModule. */
@Module({
  providers: [
    {
      provide: ACCOUNT_SESSIONS,
      inject: [EVENT_STORE, SNAPSHOTS, CLOCK, CONFIG, CATALOGUE],
      useFactory: (store: EventStore, snapshots: Snapshots, clock: Clock, config: Config, plans: PlanSource): AccountSessions =>
        new AccountSessions(
          {
            store,
            decider: accountDecider,
            clock,
            sessionsMax: config.sessionsMax,
            snapshotPolicy: { snapshots, codec: accountSnapshot, everyFacts: config.snapshotEveryFacts },
          },
          plans,
        ),
    },
    {
      provide: LEDGER_CONTEXTS,
      inject: [CONFIG, CATALOGUE],
      useFactory: (config: Config, plans: PlanSource): LedgerContextOf => ledgerContexts(policiesOf(config), plans),
    },
    {
      provide: AccountWrites,
      inject: [ACCOUNT_SESSIONS, KEYED_COMMANDS, EVENT_STORE, CUSTOMER_KEYS, LEDGER_CONTEXTS, CATALOGUE],
      useFactory: (
        sessions: Sessions<AccountState>,
        keyed: KeyedCommands,
        store: EventStore,
        keys: CustomerKeys,
        contexts: LedgerContextOf,
        plans: PlanSource,
      ) => new AccountWrites(sessions, keyed, store, keys, contexts, plans),
    },
    OpenAccountHandler,
    GrantCreditsHandler,
    RevokeGrantHandler,
    OpenDisputeHandler,
    EndDisputeHandler,
    AdjustCreditsHandler,
    ApproveAdjustmentHandler,
    RejectAdjustmentHandler,
    ChangePlanHandler,
    ResetCycleHandler,
    SuspendAccountHandler,
    ResumeAccountHandler,
    BookDueHandler,
  ],
  exports: [ACCOUNT_SESSIONS, LEDGER_CONTEXTS],
})
export class LedgerModule implements OnApplicationShutdown {
  constructor(@Inject(ACCOUNT_SESSIONS) private readonly sessions: AccountSessions) {}

  /** Snapshots on their way are kept before the pool is closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.sessions.snapshotsSettled();
  }
}
