// Accounts and tasks with histories that the real deciders wrote, over any event store; used by the specs of this folder and by its bench.
import { fromIso, isRefusal, toIso, type Clock, type ErasableRef, type InstantMs, type JsonObject } from '#libs/kernel';
import { type CommandMeta, type EventStore, type NewFact, NO_STREAM, type StreamAppend, tenantStream } from '#libs/event-store';
import {
  ACCOUNT_FACT_VERSIONS,
  type AccountCommand,
  type AccountFact,
  type AccountState,
  decideAccount,
  evolveAccount,
  initialAccount,
  type LedgerContext,
  type LedgerPolicies,
  type PlanTerms,
} from '#libs/ledger';
import {
  decideTask,
  evolveTask,
  initialTask,
  isOver,
  TASK_FACT_VERSIONS,
  type TaskBrief,
  type TaskCommand,
  type TaskFact,
  type TaskState,
} from '#libs/tasks';

export class ManualClock implements Clock {
  constructor(public at: InstantMs) {}
  now(): InstantMs {
    return this.at;
  }
}

export const PLANS: Record<string, PlanTerms> = {
  free: { id: 'free', version: 1, rank: 0, monthlyAllowance: 200, upgradeCredit: 'full' },
  pro: { id: 'pro', version: 1, rank: 1, monthlyAllowance: 2_000, upgradeCredit: 'full' },
};

export const POLICIES: LedgerPolicies = {
  burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
  lapsedRefund: 'grace',
  graceDays: 7,
  overConsumption: 'reject',
  adjustmentLimit: 1000,
};

interface Known<State> {
  state: State;
  revision: number;
}

export interface SubmitOptions {
  credits: number;
  model?: string;
  userId?: string | null;
  sealed?: string;
  deadlineMs?: number;
  brief?: TaskBrief;
}

const NAME: ErasableRef = { $erasable: 'name' };

export class World {
  readonly accounts = new Map<string, Known<AccountState>>();
  readonly tasks = new Map<string, Known<TaskState>>();
  /** Told what an account's decision came to, before it is durable. */
  onFacts: ((accountId: string, facts: readonly AccountFact[]) => void) | null = null;
  readonly #written = new Map<string, number>();
  #commands = 0;
  #commandId = '';
  #grants = 0;

  constructor(
    readonly store: EventStore,
    readonly clock: ManualClock,
    readonly tenant = 't1',
    readonly policies: LedgerPolicies = POLICIES,
    /** Keeps the ids of several worlds on one log apart. */
    readonly seed = 0,
  ) {}

  /** False when the ledger refused, or nothing was to be done. */
  async account(accountId: string, command: AccountCommand, sealed?: string): Promise<boolean> {
    const meta = this.#meta();
    const known = this.#account(accountId);
    const decision = decideAccount(known.state, command, this.clock.now(), this.#context());
    if (!Array.isArray(decision)) return false;
    await this.#append(meta, [this.#accountAppend(accountId, known, decision, sealed)]);
    return true;
  }

  open(accountId: string, plan = 'pro', sealed?: string): Promise<boolean> {
    return this.account(accountId, { type: 'OpenAccount', accountId, name: NAME, plan, timezone: 'UTC', billingAnchor: null }, sealed);
  }

  /** The task's id; a submission without the credits is recorded as rejected. */
  async submit(accountId: string, options: SubmitOptions): Promise<string> {
    const meta = this.#meta();
    const taskId = `task_${meta.commandId}`;
    const known = this.#account(accountId);
    const model = options.model ?? 'kling-ai-5s';
    const request = {
      reservationId: taskId,
      taskId,
      model,
      priceVersion: `${model}@1`,
      credits: options.credits,
      minimumPlan: 'free',
      minimumPlanRank: 0,
      quote: null,
    };
    const at = this.clock.now();
    const decision = decideAccount(known.state, { type: 'Reserve', requests: [request], openTasksMax: 1_000_000 }, at, this.#context());
    const submission = this.#submission(taskId, accountId, model, options, known);
    if (isRefusal(decision)) {
      const refused = {
        ...{ code: 'insufficient_credits', detail: decision.detail, required: options.credits, available: 0, shortfall: 0 },
        ...{ requiredPlan: 'free', accountPlan: known.state.plan, burnOrder: [], drawdown: [] },
      };
      await this.#append(meta, [
        this.#taskAppend(taskId, [{ type: 'TaskRejected', data: { ...submission, ...refused } } as unknown as TaskFact], options.sealed),
      ]);
      return taskId;
    }
    if (!Array.isArray(decision)) throw new Error('a reservation changes something');
    const deadlineAt = toIso(at + (options.deadlineMs ?? 600_000));
    const drawdown = decision.flatMap((fact) =>
      fact.type === 'CreditsReserved'
        ? fact.data.reservations.flatMap(({ drawdown: parts }) =>
            parts.map(({ bucket, grantId, credits, expiresAt }) => ({ bucket, grantId, credits, expiresAt })),
          )
        : [],
    );
    const submitted = { ...submission, drawdown, deadlineAt, deadlinePolicy: 'release_now', holdUntil: deadlineAt };
    await this.#append(meta, [
      this.#accountAppend(accountId, known, decision),
      this.#taskAppend(taskId, [{ type: 'TaskSubmitted', data: submitted } as unknown as TaskFact], options.sealed),
    ]);
    return taskId;
  }

  async task(taskId: string, command: TaskCommand): Promise<boolean> {
    const known = this.tasks.get(taskId) as Known<TaskState>;
    const decision = decideTask(known.state, command, this.clock.now());
    if (!Array.isArray(decision)) return false;
    await this.#append(this.#meta(), [this.#taskAppend(taskId, decision)]);
    return true;
  }

  /** Facts of any other stream, as they are. */
  async write(stream: string, facts: NewFact[]): Promise<void> {
    const expectedRevision = this.#written.get(stream) ?? NO_STREAM;
    await this.#append(this.#meta(), [{ stream, expectedRevision, facts }]);
    this.#written.set(stream, expectedRevision + facts.length);
  }

  /** Makes the ledger agree with the task's ending. */
  async settle(taskId: string): Promise<boolean> {
    const { state } = this.tasks.get(taskId) as Known<TaskState>;
    if (!isOver(state) || state.status === 'rejected') return false;
    const providerCost = state.attempts.flatMap((attempt) =>
      attempt.cost === null
        ? []
        : [
            {
              attempt: attempt.number,
              provider: attempt.provider,
              providerJobId: attempt.providerJobId,
              model: state.model,
              cost: attempt.cost,
            },
          ],
    );
    if (state.status !== 'completed')
      return this.account(state.accountId, { type: 'Refund', reservationId: taskId, reason: state.status, providerCost });
    const deliveredFraction = state.deliveredFraction ?? '1';
    return this.account(state.accountId, { type: 'Consume', reservationId: taskId, deliveredFraction, providerCost });
  }

  /** Dispatched, accepted, completed and consumed: with the submission six facts. */
  async run(taskId: string, deliveredFraction = '1'): Promise<void> {
    await this.task(taskId, { type: 'Dispatch', provider: 'simulator' });
    await this.task(taskId, { type: 'Accept', attempt: 1, providerJobId: `job-${taskId}` });
    const assets = [{ url: `https://assets.test/${taskId}.mp4`, mediaType: 'video/mp4', durationSeconds: '5' }];
    const cost = { currency: 'USD', amountMinor: 7 };
    const verdict = { assets, deliveredFraction, actualDurationSeconds: '5', cost, lateResultPolicy: 'deliver_free' } as const;
    await this.task(taskId, { type: 'Complete', attempt: 1, ...verdict });
    await this.settle(taskId);
  }

  #submission(taskId: string, accountId: string, model: string, options: SubmitOptions, known: Known<AccountState>): JsonObject {
    return {
      ...{ taskId, accountId, userId: options.userId ?? null, model, family: 'kling', provider: 'simulator', prompt: null, metadata: null },
      ...{ parameters: {}, credits: options.credits, priceVersion: `${model}@1`, quoteId: null, plan: known.state.plan, planVersion: 1 },
      ...{ accountRevision: known.revision, decidedAt: toIso(this.clock.now()) },
      ...(options.brief !== undefined && { brief: options.brief as unknown as JsonObject }),
    };
  }

  #account(accountId: string): Known<AccountState> {
    let known = this.accounts.get(accountId);
    if (known === undefined) this.accounts.set(accountId, (known = { state: initialAccount(), revision: NO_STREAM }));
    return known;
  }

  #accountAppend(accountId: string, known: Known<AccountState>, facts: AccountFact[], sealed?: string): StreamAppend {
    const expectedRevision = known.revision;
    for (const fact of facts) evolveAccount(known.state, fact);
    known.revision += facts.length;
    this.onFacts?.(accountId, facts);
    return { stream: tenantStream('account', this.tenant, accountId), expectedRevision, facts: facts.map((fact) => factOf(fact, sealed)) };
  }

  #taskAppend(taskId: string, facts: TaskFact[], sealed?: string): StreamAppend {
    let known = this.tasks.get(taskId);
    if (known === undefined) this.tasks.set(taskId, (known = { state: initialTask(), revision: NO_STREAM }));
    const expectedRevision = known.revision;
    for (const fact of facts) evolveTask(known.state, fact);
    known.revision += facts.length;
    return { stream: tenantStream('task', this.tenant, taskId), expectedRevision, facts: facts.map((fact) => factOf(fact, sealed)) };
  }

  async #append(meta: CommandMeta, appends: StreamAppend[]): Promise<void> {
    const appended = await this.store.append({ meta, appends });
    if (!appended.ok) throw new Error(`the world's own append was refused: ${JSON.stringify(appended)}`);
  }

  #meta(): CommandMeta {
    this.#commandId = (this.seed * 1_000_000_000 + ++this.#commands).toString(16).padStart(32, '0');
    this.#grants = 0;
    return {
      commandId: this.#commandId,
      tenant: this.tenant,
      actor: 'spec',
      correlationId: `cor-${this.#commands}`,
      causationId: null,
      requestHash: null,
    };
  }

  #context(): LedgerContext {
    return {
      policies: this.policies,
      planTerms: (plan) => PLANS[plan] ?? null,
      nextGrantId: () => `grant_${this.#commandId}${(this.#grants++).toString(16).padStart(2, '0')}`,
      nextDebtId: () => `debt_${this.#commandId}${(this.#grants++).toString(16).padStart(2, '0')}`,
    };
  }
}

function factOf(fact: AccountFact | TaskFact, sealed?: string): NewFact {
  const versions: Readonly<Record<string, number>> = { ...ACCOUNT_FACT_VERSIONS, ...TASK_FACT_VERSIONS };
  const carries = fact.type === 'AccountOpened' || fact.type === 'TaskSubmitted' || fact.type === 'TaskRejected';
  const stored = { type: fact.type, schemaVersion: versions[fact.type] as number, data: fact.data as unknown as JsonObject };
  return carries && sealed !== undefined ? { ...stored, sealed } : stored;
}

/** Noon of a day that no test has to think about. */
export const START = fromIso('2026-01-15T12:00:00.000Z');
