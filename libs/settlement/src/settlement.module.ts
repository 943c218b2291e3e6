// 2 → 3 · composes what opens and ends tasks: for the API all of its handlers, for the orchestrator Settlements.
import { Global, Module, type Provider } from '@nestjs/common';
import type { Clock } from '#libs/kernel';
import type { Catalogue, QuoteStore } from '#libs/catalogue';
import type { CustomerKeys, EventStore, KeyedCommands, Sessions } from '#libs/event-store';
import { LEDGER_CONTEXTS, LedgerModule, policiesOf, type AccountState, type LedgerContextOf } from '#libs/ledger';
import {
  ACCOUNT_SESSIONS,
  CATALOGUE,
  CLOCK,
  CONFIG,
  CUSTOMER_KEYS,
  EVENT_STORE,
  KEYED_COMMANDS,
  QUOTE_STORE,
  TASK_BRIEFS,
  TASK_SESSIONS,
  type Config,
} from '#libs/platform';
import type { TaskBriefs } from '#libs/studio';
import type { TaskState } from '#libs/tasks';
import { Batches } from './batches.js';
import { Cancellations, type EndingParts } from './cancellations.js';
import { Explanations } from './explanation/explanations.js';
import { Goodwill } from './goodwill.js';
import { Interruptions } from './interruptions.js';
import { LateResults } from './late-results.js';
import {
  AcceptLateResultHandler,
  CancelTaskHandler,
  RefundTaskHandler,
  SettleEndingHandler,
  SettleTaskHandler,
  SubmitTaskBatchHandler,
  SubmitTaskHandler,
} from './settlement.handler.js';
import { settlementPoliciesOf } from './settlement.policies.js';
import { Settlements } from './settlements.js';
import { Submissions, type SubmissionParts } from './submissions.js';
import { TaskLedger } from './task-ledger.js';
import { TASK_LEDGER_FACTS, type TaskLedgerFacts } from './task-ledger-facts.port.js';

const SUBMISSION_PARTS = Symbol('SubmissionParts');
const ENDING_PARTS = Symbol('EndingParts');

const providers: Provider[] = [
  {
    provide: Settlements,
    inject: [EVENT_STORE, ACCOUNT_SESSIONS, LEDGER_CONTEXTS],
    useFactory: (store: EventStore, accounts: Sessions<AccountState>, contextOf: LedgerContextOf) =>
      new Settlements(store, accounts, contextOf),
  },
  {
    provide: Interruptions,
    inject: [EVENT_STORE, ACCOUNT_SESSIONS, Settlements, CATALOGUE, LEDGER_CONTEXTS, CONFIG, CLOCK],
    useFactory: (
      store: EventStore,
      accounts: Sessions<AccountState>,
      settlements: Settlements,
      catalogue: Catalogue,
      contextOf: LedgerContextOf,
      config: Config,
      clock: Clock,
    ) => new Interruptions({ store, accounts, settlements, catalogue, contextOf, policies: settlementPoliciesOf(config), clock }),
  },
  {
    provide: SUBMISSION_PARTS,
    inject: [
      EVENT_STORE,
      ACCOUNT_SESSIONS,
      KEYED_COMMANDS,
      CUSTOMER_KEYS,
      CATALOGUE,
      QUOTE_STORE,
      TASK_BRIEFS,
      LEDGER_CONTEXTS,
      CONFIG,
      Interruptions,
    ],
    useFactory: (
      store: EventStore,
      accounts: Sessions<AccountState>,
      keyed: KeyedCommands,
      keys: CustomerKeys,
      catalogue: Catalogue,
      quotes: QuoteStore,
      briefs: TaskBriefs,
      contextOf: LedgerContextOf,
      config: Config,
      interruptions: Interruptions,
    ): SubmissionParts => ({
      store,
      accounts,
      keyed,
      keys,
      catalogue,
      quotes,
      briefs,
      contextOf,
      policies: settlementPoliciesOf(config),
      interruptions,
    }),
  },
  { provide: Submissions, inject: [SUBMISSION_PARTS], useFactory: (parts: SubmissionParts) => new Submissions(parts) },
  {
    provide: Batches,
    inject: [SUBMISSION_PARTS, Submissions],
    useFactory: (parts: SubmissionParts, submissions: Submissions) => new Batches(parts, submissions),
  },
  {
    provide: TaskLedger,
    inject: [EVENT_STORE, TASK_SESSIONS, CUSTOMER_KEYS, TASK_LEDGER_FACTS],
    useFactory: (store: EventStore, tasks: Sessions<TaskState>, keys: CustomerKeys, index: TaskLedgerFacts) =>
      new TaskLedger(store, tasks, keys, index),
  },
  {
    provide: ENDING_PARTS,
    inject: [EVENT_STORE, ACCOUNT_SESSIONS, KEYED_COMMANDS, LEDGER_CONTEXTS, Settlements, TaskLedger],
    useFactory: (
      store: EventStore,
      accounts: Sessions<AccountState>,
      keyed: KeyedCommands,
      contextOf: LedgerContextOf,
      settlements: Settlements,
      ledger: TaskLedger,
    ): EndingParts => ({ store, accounts, keyed, contextOf, settlements, ledger }),
  },
  { provide: Cancellations, inject: [ENDING_PARTS], useFactory: (parts: EndingParts) => new Cancellations(parts) },
  { provide: Goodwill, inject: [ENDING_PARTS], useFactory: (parts: EndingParts) => new Goodwill(parts) },
  { provide: LateResults, inject: [ENDING_PARTS], useFactory: (parts: EndingParts) => new LateResults(parts) },
  {
    provide: Explanations,
    inject: [EVENT_STORE, ACCOUNT_SESSIONS, TaskLedger, QUOTE_STORE, CONFIG],
    useFactory: (store: EventStore, accounts: Sessions<AccountState>, ledger: TaskLedger, quotes: QuoteStore, config: Config) =>
      new Explanations({ store, accounts, ledger, quotes, policies: policiesOf(config) }),
  },
  SubmitTaskHandler,
  SubmitTaskBatchHandler,
  SettleTaskHandler,
  SettleEndingHandler,
  CancelTaskHandler,
  RefundTaskHandler,
  AcceptLateResultHandler,
];

/**
 * Imports the LedgerModule. Needs, from global modules: CONFIG, EVENT_STORE, CUSTOMER_KEYS, KEYED_COMMANDS, CATALOGUE, QUOTE_STORE, TASK_BRIEFS,
 * TASK_SESSIONS (TasksModule) and TASK_LEDGER_FACTS (ProjectionsModule); and the CqrsModule. Gives Settlements, Submissions and Explanations to every module.
 */
@Global()
@Module({ imports: [LedgerModule], providers, exports: [Settlements, Submissions, Interruptions, Explanations] })
export class SettlementModule {}
