// A small deployment on a real PostgreSQL for the orchestrator's tests: one database, an API's part, and orchestrators that can be killed.
import type pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { invariant, newCommandId, refuse, type JsonObject } from '#libs/kernel';
import { CatalogueMemory, CatalogueWriter, DEADLINE_MS_DEFAULT, MemoryQuoteStore, type ModelInput } from '#libs/catalogue';
import {
  CachedCustomerKeys,
  LogKeyedCommands,
  MemoryKeyVault,
  POSITION_START,
  PostgresEventStore,
  processMeta,
  StreamSessions,
  tenantStream,
  type RequestContext,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import {
  accountDecider,
  accountNewFacts,
  BookDueHandler,
  BookDue,
  decideAccount,
  ledgerContexts,
  type AccountCommand,
  type AccountState,
  type LedgerContextOf,
} from '#libs/ledger';
import { createPool, DeploymentClock } from '#libs/platform';
import { SimulatorProvider, type Provider } from '#libs/providers';
import { ORCHESTRATOR_GROUP } from '#libs/reactions';
import { Settlements, Submissions } from '#libs/settlement';
import type { TaskBriefs } from '#libs/studio';
import { decideTask, TASK_FACT_VERSIONS, taskDecider, type TaskCommand, type TaskState } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { Orchestrator } from '../orchestrator.js';
import { orchestratorMetrics } from '../orchestrator.metrics.js';
import { ProviderCalls } from '../provider-calls.js';
import { ORCHESTRATOR_LIMITS, REACTION_POLICY, type OrchestratorLimits, type ReactionPolicy } from '../reaction.policy.js';
import { Plug, type KillPoint } from './plug.js';

export const TENANT = 'acme';
/** However busy the machine is, a process keeps its leases and has the time that it needs to finish what it began. */
const IN_PEACE = { leaseTtlMs: 60_000, drainTimeoutMs: 60_000 };
/** No task of these tests names one. */
const NO_BRIEFS: TaskBriefs = {
  resolve: () => Promise.resolve(refuse('not_found', 'There is no such brief.')),
  take: () => Promise.resolve(null),
  giveBack: () => Promise.resolve(),
};

const MODEL: ModelInput = { name: 'Basic', family: 'basic', outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'free' };
const POLICIES = {
  burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
  lapsedRefund: 'grace',
  graceDays: 7,
  overConsumption: 'reject',
  adjustmentLimit: 1_000,
} as const;

/** One process's own view of the deployment. */
interface Core {
  pool: pg.Pool;
  clock: DeploymentClock;
  store: PostgresEventStore;
  catalogue: CatalogueMemory;
  accounts: Sessions<AccountState>;
  tasks: Sessions<TaskState>;
  contextOf: LedgerContextOf;
  keys: CachedCustomerKeys;
  settlements: Settlements;
  close(): Promise<void>;
}

export interface ProcessOptions {
  policy?: Partial<ReactionPolicy>;
  limits?: Partial<OrchestratorLimits>;
  killAt?: KillPoint;
  pauseAt?: KillPoint;
  /** By provider. */
  jobsMax?: Record<string, number>;
}

export class RunningOrchestrator {
  constructor(
    readonly core: Core,
    readonly orchestrator: Orchestrator,
    readonly plug: Plug,
    readonly registry: Registry,
    private readonly simulator: SimulatorProvider,
  ) {}

  /** As SIGKILL does: from now on nothing that it asks for happens, and nothing that happened reaches it. Its leases run out at once, and all see it. */
  async kill(): Promise<void> {
    this.plug.pull();
    // What was on its way to the database still arrives there, and may renew a lease.
    await this.plug.quiet();
    await this.core.pool.query('UPDATE leases SET expires_at = clock_timestamp() WHERE owner = $1', [this.orchestrator.owner]);
    await lookAround(this.core.pool);
  }

  async stop(): Promise<void> {
    this.plug.resume();
    await this.orchestrator.stop();
    this.simulator.close();
    await this.core.close();
  }
}

export class World {
  readonly #running = new Set<RunningOrchestrator>();

  private constructor(
    readonly database: TestDatabase,
    readonly api: Core,
    private readonly submissions: Submissions,
    readonly vendors: ReadonlyMap<string, Provider>,
    private readonly vault: MemoryKeyVault,
  ) {}

  /** Plans free < pro, and a model for each vendor given besides the simulator's `basic`: `on-<vendor>`. */
  static async open(vendors: readonly Provider[] = []): Promise<World> {
    const database = await createTestDatabase();
    const map = new Map(vendors.map((vendor) => [vendor.id, vendor]));
    const vault = new MemoryKeyVault();
    const core = await openCore(database, map, vault);
    const keyed = new LogKeyedCommands(core.store, core.keys);
    const { store, accounts, catalogue, contextOf } = core;
    const submissions = new Submissions({
      store,
      accounts,
      keyed,
      keys: core.keys,
      catalogue,
      quotes: new MemoryQuoteStore(),
      briefs: NO_BRIEFS,
      contextOf,
      policies: { deadlinePolicy: 'release_now', holdCapMs: 86_400_000, openTasksPerAccountMax: 1_000_000 },
    });
    const world = new World(database, core, submissions, map, vault);
    const writer = new CatalogueWriter(store, catalogue, core.clock);
    const meta = (): ReturnType<typeof processMeta> => processMeta(TENANT, 'test', null);
    await writer.changePlan('free', { name: 'free', rank: 0, monthlyAllowance: 200 }, meta());
    await writer.changePlan('pro', { name: 'pro', rank: 1, monthlyAllowance: 2_000 }, meta());
    await writer.changeModel({ type: 'PutModel', modelId: 'basic', input: MODEL }, meta());
    for (const { id } of vendors)
      await writer.changeModel({ type: 'PutModel', modelId: `on-${id}`, input: { ...MODEL, provider: id } }, meta());
    return world;
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.api.close();
    await this.database.drop();
  }

  async stopAll(): Promise<void> {
    const all = [...this.#running];
    this.#running.clear();
    await Promise.all(all.map((running) => running.stop()));
  }

  async orchestrator(options: ProcessOptions = {}): Promise<RunningOrchestrator> {
    const core = await openCore(this.database, this.vendors, this.vault);
    const plug = new Plug(options.killAt ?? null, options.pauseAt ?? null);
    const simulator = new SimulatorProvider(core.pool, core.clock);
    const providers = new Map([...this.vendors, [simulator.id, simulator] as const].map(([id, provider]) => [id, plug.provider(provider)]));
    const registry = new Registry();
    const metrics = orchestratorMetrics(registry, {
      activeTasks: () => orchestrator.active,
      waitingTasks: () => orchestrator.waiting,
      partitions: () => orchestrator.partitions,
      overdue: () => Promise.resolve({ tasks: 0, accounts: 0 }),
    });
    const book = new BookDueHandler(core.accounts, core.contextOf);
    const { store, catalogue, keys, clock } = core;
    const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
    const orchestrator: Orchestrator = new Orchestrator({
      pool: plug.pool(core.pool),
      store,
      sessions: plug.sessions(core.tasks),
      settlements: plug.settlements(core.settlements),
      book: (tenant, accountId) => book.execute(new BookDue(tenant, accountId)),
      calls: new ProviderCalls({ providers, store, keys, catalogue, logger, calls: metrics.calls }),
      providers,
      jobsMaxOf: (id) => options.jobsMax?.[id] ?? providers.get(id)?.capabilities.jobsMax ?? null,
      weightOf: (plan) => catalogue.plan(plan)?.weight ?? 1,
      clock,
      logger,
      metrics,
      policy: { ...REACTION_POLICY, lateResult: 'deliver_free', overConsumption: 'reject', retryAfterMs: 10, ...options.policy },
      limits: { ...ORCHESTRATOR_LIMITS, writeEveryMs: 50, lookEveryMs: 50, ...IN_PEACE, ...options.limits },
    });
    const running = new RunningOrchestrator(core, orchestrator, plug, registry, simulator);
    this.#running.add(running);
    orchestrator.start();
    return running;
  }

  /** Ends it as a crash does; a new one can be started at once. */
  async kill(running: RunningOrchestrator): Promise<void> {
    await running.kill();
  }

  async stop(running: RunningOrchestrator): Promise<void> {
    this.#running.delete(running);
    await running.stop();
  }

  async account(accountId: string, plan = 'pro'): Promise<void> {
    const sealed = (await this.api.keys.sealerFor(TENANT, accountId)).seal({ name: accountId });
    const name = sealed?.refs['name'];
    invariant(name !== undefined, 'a name is sealed');
    await this.ledger(accountId, { type: 'OpenAccount', accountId, name, plan, timezone: 'UTC', billingAnchor: null });
  }

  async ledger(accountId: string, command: AccountCommand): Promise<void> {
    const meta = processMeta(TENANT, 'test', null);
    const outcome = await this.api.accounts.execute(tenantStream('account', TENANT, accountId), meta, (state, at) => {
      const decision = decideAccount(state, command, at, this.api.contextOf(meta.commandId));
      if (!Array.isArray(decision)) return 'unchanged' in decision ? { unchanged: true, result: null } : decision;
      return { facts: accountNewFacts(decision), result: () => null };
    });
    if (outcome.kind !== 'appended') throw new Error(`the account command ended as ${JSON.stringify(outcome)}`);
  }

  /** Moves the deployment's clock past the deadline that tasks have by themselves, and past no account's next boundary. */
  async passDeadlines(): Promise<void> {
    const { clock } = this.api;
    const moved = await clock.set(clock.now() + DEADLINE_MS_DEFAULT + 1_000);
    invariant('ok' in moved, 'the clock moves on');
  }

  /** Answers the task's id. */
  async submit(
    accountId: string,
    simulate: JsonObject | null,
    options: { model?: string; deadlineMs?: number; prompt?: string } = {},
  ): Promise<string> {
    const parameters: JsonObject = {
      ...(simulate === null ? {} : { simulate }),
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    };
    const input = { accountId, model: options.model ?? 'basic', prompt: options.prompt ?? 'a fox in the snow', parameters };
    const answer = await this.submissions.submit(request(input), input);
    if (!answer.ok) throw new Error(`refused: ${answer.code}: ${answer.detail} ${JSON.stringify(answer.fields ?? {})}`);
    return answer.view.id;
  }

  /** What the API writes when the customer cancels. */
  async task(taskId: string, command: TaskCommand): Promise<void> {
    const outcome = await this.api.tasks.execute(tenantStream('task', TENANT, taskId), processMeta(TENANT, 'test', null), (state, at) => {
      const decision = decideTask(state, command, at);
      if (!Array.isArray(decision)) return 'unchanged' in decision ? { unchanged: true, result: null } : decision;
      const facts = decision.map(({ type, data }) => ({
        type,
        schemaVersion: TASK_FACT_VERSIONS[type],
        data: data as unknown as JsonObject,
      }));
      return { facts, result: () => null };
    });
    if (outcome.kind === 'refused') throw new Error(outcome.refusal.detail);
  }

  state(taskId: string): Promise<TaskState> {
    return this.api.tasks.read(tenantStream('task', TENANT, taskId), (state) => structuredClone(state));
  }

  figures(accountId: string): Promise<{ available: number; held: number; open: number }> {
    return this.api.accounts.read(tenantStream('account', TENANT, accountId), (state) => ({
      available: state.available,
      held: state.held,
      open: state.reservations.size,
    }));
  }

  /** The facts of one task, or those of the log that have one of the types. */
  async facts(filter: { taskId?: string; types?: readonly string[] } = {}): Promise<StoredFact[]> {
    if (filter.taskId !== undefined) {
      const facts = await this.api.store.readStream(tenantStream('task', TENANT, filter.taskId));
      return facts.filter((fact) => filter.types?.includes(fact.type) ?? true);
    }
    const facts: StoredFact[] = [];
    for (let after = POSITION_START, atEnd = false; !atEnd;) {
      const page = await this.api.store.readAll({ after, limit: 10_000, types: filter.types });
      facts.push(...page.facts);
      ({ position: after, atEnd } = page);
    }
    return facts;
  }

  /** Types of a task's facts, in order. */
  async story(taskId: string): Promise<string[]> {
    return (await this.facts({ taskId })).map((fact) => fact.type);
  }

  /** What became of a task's credits: the types of the account's facts that name it, in order. */
  async money(taskId: string): Promise<string[]> {
    const facts = await this.facts({ types: ['CreditsConsumed', 'CreditsRefunded', 'DebtRecorded', 'ProviderCostBooked'] });
    return facts.filter((fact) => fact.data['taskId'] === taskId).map((fact) => fact.type);
  }

  async rows(): Promise<Array<{ task_id: string; is_settled: boolean; is_parked: boolean }>> {
    return (
      await this.database.pool.query<{ task_id: string; is_settled: boolean; is_parked: boolean }>(
        'SELECT * FROM live_tasks ORDER BY task_id',
      )
    ).rows;
  }
}

/** Every process looks at once who lives and who holds what, as it does every so often. */
export async function lookAround(pool: pg.Pool): Promise<void> {
  await pool.query(`SELECT pg_notify('rollcredits_shares', $1)`, [ORCHESTRATOR_GROUP]);
}

/** Waits for what a test promises, and says which it was where it does not come. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function request(body: object): RequestContext {
  return {
    tenant: TENANT,
    actor: 'key_1',
    correlationId: `req_${newCommandId()}`,
    causationId: null,
    method: 'POST',
    path: '/v1/tasks',
    body: body as JsonObject,
    idempotencyKey: null,
    accounts: null,
  };
}

async function openCore(database: TestDatabase, vendors: ReadonlyMap<string, Provider>, vault: MemoryKeyVault): Promise<Core> {
  const pool = createPool({ databaseUrl: database.url, sizeMax: 10 });
  const clock = await DeploymentClock.open(pool, { testClock: true });
  const store = new PostgresEventStore({ pool });
  const rules = { capabilities: { parameters: ['simulate'] }, validate: () => [] };
  const catalogue = new CatalogueMemory(store, new Map([['simulator', rules], ...[...vendors.keys()].map((id) => [id, rules] as const)]));
  await catalogue.refresh();
  const accounts = new StreamSessions({ store, decider: accountDecider, clock, sessionsMax: 100_000, snapshotPolicy: null });
  const tasks = new StreamSessions({ store, decider: taskDecider, clock, sessionsMax: 100_000 });
  const contextOf = ledgerContexts({ ...POLICIES, burnOrder: [...POLICIES.burnOrder] }, catalogue);
  return {
    pool,
    clock,
    store,
    catalogue,
    accounts: accounts as unknown as Sessions<AccountState>,
    tasks,
    contextOf,
    keys: new CachedCustomerKeys(vault),
    settlements: new Settlements(store, accounts, contextOf),
    async close() {
      await store.close();
      await clock.close();
      await pool.end();
    },
  };
}
