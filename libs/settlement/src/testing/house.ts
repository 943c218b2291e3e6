// A small deployment for tests: one log, one catalogue, and as many processes as asked for, each with sessions of its own.
import { invariant, newCommandId, type Clock, type InstantMs, type JsonObject } from '#libs/kernel';
import { CatalogueMemory, CatalogueWriter, MemoryQuoteStore, type ModelInput, type QuoteStore, type StoredQuote } from '#libs/catalogue';
import {
  CachedCustomerKeys,
  createMemorySessions,
  LogKeyedCommands,
  MemoryEventStore,
  MemoryKeyVault,
  MemoryLog,
  POSITION_START,
  processMeta,
  tenantStream,
  type EventStore,
  type KeyVault,
  type RequestContext,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import {
  accountDecider,
  accountSnapshot,
  ledgerContexts,
  type AccountCommand,
  type AccountFact,
  type AccountState,
  type LedgerContextOf,
  type LedgerPolicies,
} from '#libs/ledger';
import { decideTask, taskDecider, type TaskCommand, type TaskState } from '#libs/tasks';
import { ledgerDecision, taskNewFacts } from '../ledger-decisions.js';
import type { TaskInput } from '../settlement.messages.js';
import type { SettlementPolicies } from '../settlement.policies.js';
import { Settlements } from '../settlements.js';
import { Batches } from '../batches.js';
import { Cancellations } from '../cancellations.js';
import { Goodwill } from '../goodwill.js';
import { Interruptions } from '../interruptions.js';
import { LateResults } from '../late-results.js';
import { Submissions } from '../submissions.js';
import { TaskLedger } from '../task-ledger.js';
import { LogLedgerIndex } from './ledger-index.js';
import { MemoryBriefs } from './memory-briefs.js';

export const TENANT = 'acme';
export const NOW = Date.parse('2026-11-21T20:00:00.000Z');

/** Stands still, or ticks as the database's does; moved by the test either way. */
export class TestClock implements Clock {
  private offsetMs = 0;

  constructor(private readonly isTicking: boolean) {}

  now(): InstantMs {
    return (this.isTicking ? Date.now() : NOW) + this.offsetMs;
  }
  advance(ms: number): void {
    this.offsetMs += ms;
  }
}

const MODEL: ModelInput = { name: 'Basic', family: 'basic', outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'free' };

/** Default: all of it in memory. */
export interface HouseOptions {
  /** A store for one process. */
  storeOf?: (house: House) => EventStore;
  vault?: KeyVault;
  quotes?: QuoteStore;
  /** Where the store has a clock of its own. */
  isTicking?: boolean;
}

/** What the processes share. */
export class House {
  readonly clock: TestClock;
  readonly log = new MemoryLog();
  readonly ledgerPolicies: LedgerPolicies = {
    burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
    lapsedRefund: 'grace',
    graceDays: 7,
    overConsumption: 'reject',
    adjustmentLimit: 1_000,
  };
  readonly policies: SettlementPolicies = { deadlinePolicy: 'release_now', holdCapMs: 24 * 3_600_000, openTasksPerAccountMax: 1_000 };

  readonly briefs = new MemoryBriefs();
  readonly vault: KeyVault;
  readonly quotes: QuoteStore;

  constructor(private readonly parts: HouseOptions) {
    this.clock = new TestClock(parts.isTicking ?? false);
    this.vault = parts.vault ?? new MemoryKeyVault();
    this.quotes = parts.quotes ?? new MemoryQuoteStore();
  }

  /** With plans free < pro < max, and the models `basic` (70, free), `sized` (modifiers) and `grand` (840, max). */
  static async open(parts: HouseOptions = {}): Promise<House> {
    const house = new House(parts);
    const first = await house.process();
    await first.plan('free', 0, 200);
    await first.plan('pro', 1, 2_000);
    await first.plan('max', 2, 10_000);
    await first.model('basic', MODEL);
    const modifiers = { perSecond: { includedSeconds: 5, creditsPerSecond: 10 }, resolution: { '1080p': '1.5' } };
    await first.model('sized', { ...MODEL, modifiers });
    await first.model('grand', { ...MODEL, credits: 840, minimumPlan: 'max' });
    return house;
  }

  async process(): Promise<HouseProcess> {
    const process = new HouseProcess(this, this.parts.storeOf?.(this) ?? new MemoryEventStore(this.clock, this.log));
    await process.catalogue.refresh();
    return process;
  }
}

const SIMULATOR = { capabilities: { parameters: ['simulate'] }, validate: () => [] };

/** One process: its own sessions, cache of keys and catalogue. */
export class HouseProcess {
  readonly catalogue: CatalogueMemory;
  readonly accounts: Sessions<AccountState>;
  readonly tasks: Sessions<TaskState>;
  readonly contextOf: LedgerContextOf;
  readonly keys: CachedCustomerKeys;
  readonly keyed: LogKeyedCommands;
  readonly submissions: Submissions;
  readonly settlements: Settlements;
  readonly interruptions: Interruptions;
  readonly batches: Batches;
  readonly index: LogLedgerIndex;
  readonly cancellations: Cancellations;
  readonly goodwill: Goodwill;
  readonly lateResults: LateResults;
  private readonly writer: CatalogueWriter;

  constructor(
    readonly house: House,
    readonly store: EventStore,
  ) {
    const { clock, ledgerPolicies, policies, quotes, vault } = house;
    this.catalogue = new CatalogueMemory(store, new Map([['simulator', SIMULATOR]]));
    this.writer = new CatalogueWriter(store, this.catalogue, clock);
    this.accounts = createMemorySessions({ decider: accountDecider, clock, store, codec: accountSnapshot });
    this.tasks = createMemorySessions({ decider: taskDecider, clock, store });
    this.contextOf = ledgerContexts(ledgerPolicies, this.catalogue);
    this.keys = new CachedCustomerKeys(vault);
    this.keyed = new LogKeyedCommands(store, this.keys);
    const { accounts, catalogue, contextOf, keyed } = this;
    this.settlements = new Settlements(store, accounts, contextOf);
    const { settlements } = this;
    this.interruptions = new Interruptions({ store, accounts, settlements, catalogue, contextOf, policies, clock });
    const { interruptions } = this;
    const { keys } = this;
    const briefs = house.briefs.of(store);
    const parts = { store, accounts, keyed, keys, catalogue, quotes, briefs, contextOf, policies, interruptions };
    this.submissions = new Submissions(parts);
    this.batches = new Batches(parts, this.submissions);
    this.index = new LogLedgerIndex(store);
    const ledger = new TaskLedger(store, this.tasks, this.keys, this.index);
    const endings = { store, accounts, keyed, contextOf, settlements: this.settlements, ledger };
    this.cancellations = new Cancellations(endings);
    this.goodwill = new Goodwill(endings);
    this.lateResults = new LateResults(endings);
  }

  async plan(id: string, rank: number, monthlyAllowance: number): Promise<void> {
    await this.writer.changePlan(id, { name: id, rank, monthlyAllowance }, processMeta(TENANT, 'test', null));
  }

  async model(modelId: string, input: ModelInput): Promise<void> {
    await this.writer.changeModel({ type: 'PutModel', modelId, input }, processMeta(TENANT, 'test', null));
  }

  async price(modelId: string, credits: number): Promise<void> {
    await this.writer.changeModel(
      { type: 'PriceModel', modelId, credits, effectiveAt: null, reason: 'test' },
      processMeta(TENANT, 'test', null),
    );
  }

  async retire(modelId: string): Promise<void> {
    await this.writer.changeModel({ type: 'RetireModel', modelId }, processMeta(TENANT, 'test', null));
  }

  /** An account with its plan's allowance, and a key of its own. */
  async account(accountId: string, plan = 'pro'): Promise<void> {
    const sealed = (await this.keys.sealerFor(TENANT, accountId)).seal({ name: accountId });
    const name = sealed?.refs['name'];
    invariant(name !== undefined, 'a name is sealed');
    await this.ledger(accountId, { type: 'OpenAccount', accountId, name, plan, timezone: 'UTC', billingAnchor: null });
  }

  async ledger(accountId: string, command: AccountCommand): Promise<readonly AccountFact[]> {
    const meta = processMeta(TENANT, 'test', null);
    const outcome = await this.accounts.execute(
      tenantStream('account', TENANT, accountId),
      meta,
      ledgerDecision(command, this.contextOf, meta),
    );
    if (outcome.kind === 'appended' || outcome.kind === 'unchanged') return outcome.result;
    throw new Error(`the account command ended as ${JSON.stringify(outcome)}`);
  }

  /** What the orchestrator would write. */
  async task(taskId: string, command: TaskCommand): Promise<void> {
    const outcome = await this.tasks.execute(
      tenantStream('task', TENANT, taskId),
      processMeta(TENANT, 'orchestrator', null),
      (state, at) => {
        const decision = decideTask(state, command, at);
        if (!Array.isArray(decision)) return 'unchanged' in decision ? { unchanged: true, result: null } : decision;
        return { facts: taskNewFacts(decision), result: () => null };
      },
    );
    if (outcome.kind === 'refused') throw new Error(outcome.refusal.detail);
  }

  /** Dispatches the first attempt and lets the provider take it. */
  async start(taskId: string): Promise<void> {
    await this.task(taskId, { type: 'Dispatch', provider: 'simulator' });
    await this.task(taskId, { type: 'Accept', attempt: 1, providerJobId: 'job_1' });
  }

  taskState(taskId: string): Promise<TaskState> {
    return this.tasks.read(tenantStream('task', TENANT, taskId), (state) => structuredClone(state));
  }

  figures(accountId: string): Promise<{ available: number; held: number; open: number }> {
    return this.accounts.read(tenantStream('account', TENANT, accountId), (state) => ({
      available: state.available,
      held: state.held,
      open: state.reservations.size,
    }));
  }

  async facts(filter: { stream?: string; type?: string } = {}): Promise<StoredFact[]> {
    const { facts } = await this.store.readAll({ after: POSITION_START, limit: 1_000_000 });
    return facts.filter((fact) => (filter.stream ?? fact.stream) === fact.stream && (filter.type ?? fact.type) === fact.type);
  }

  async quote(
    accountId: string,
    model: string,
    options: { quantity?: number; parameters?: JsonObject; lifeMs?: number } = {},
  ): Promise<StoredQuote> {
    const now = this.house.clock.now();
    const priced = this.catalogue.price(model, options.parameters, now);
    if ('refused' in priced) throw new Error(priced.detail);
    return this.house.quotes.keep({
      id: `quote_${newCommandId()}`,
      tenant: TENANT,
      accountId,
      model,
      parameters: priced.parameters,
      quantity: options.quantity ?? 1,
      unitCredits: priced.credits,
      priceVersion: priced.priceVersion,
      createdAt: now,
      expiresAt: now + (options.lifeMs ?? 900_000),
      requestHash: null,
      view: {} as StoredQuote['view'],
    });
  }
}

/** The context of `POST <path>` with a body; `key` is its Idempotency-Key. */
export function request(
  body: object,
  options: { key?: string; path?: string; accounts?: string[]; correlationId?: string } = {},
): RequestContext {
  return {
    tenant: TENANT,
    actor: 'key_1',
    correlationId: options.correlationId ?? `req_${newCommandId()}`,
    causationId: null,
    method: 'POST',
    path: options.path ?? '/v1/tasks',
    body: body as JsonObject,
    idempotencyKey: options.key ?? null,
    accounts: options.accounts ?? null,
  };
}

export function wish(overrides: Partial<TaskInput> = {}): TaskInput {
  return { accountId: 'acc_1', model: 'basic', prompt: 'a fox in the snow', ...overrides };
}
