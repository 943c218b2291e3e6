// 5 react · one process's part in reacting: whoever holds the lease follows the log, keeps time and moves every live task on; started by the module.
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock, InstantMs } from '#libs/kernel';
import type { EventStore, LogPage, Sessions } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import { runUnderLease, type Lease, type LeasedWork } from '#libs/platform';
import type { Provider } from '#libs/providers';
import { DueRows, LeaseLost, ORCHESTRATOR_LEASE } from '#libs/reactions';
import type { Settlements } from '#libs/settlement';
import type { TaskState } from '#libs/tasks';
import { AccountDues } from './account-dues.js';
import { DUE_FACT_TYPES, dueOf } from './account-facts.js';
import { Alarm } from './alarm.js';
import { CheckpointWriter } from './checkpoint-writer.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import { PendingRows } from './pending-rows.js';
import type { ProviderCalls } from './provider-calls.js';
import type { OrchestratorLimits, ReactionPolicy } from './reaction.policy.js';
import { TaskReactions } from './task-reactions.js';

export interface OrchestratorParts {
  pool: pg.Pool;
  store: EventStore;
  sessions: Sessions<TaskState>;
  settlements: Settlements;
  book: (tenant: string, accountId: string) => Promise<{ nextDueAt: InstantMs | null; booked: number }>;
  calls: ProviderCalls;
  providers: ReadonlyMap<string, Provider>;
  /** `onMoved`: the clock was moved; whoever moved it waits for what is now due. */
  clock: Clock & { onMoved?: (listener: () => void) => () => void };
  logger: Logger;
  metrics: OrchestratorMetrics;
  policy: ReactionPolicy;
  limits: OrchestratorLimits;
  random?: () => number;
}

const FACT_TYPES = ['TaskSubmitted', 'TaskCancellationRequested', ...DUE_FACT_TYPES] as const;
const PAGE_SIZE = 1_000;
/** Under load the log is read in portions this far apart, rather than once for every append. */
const PAGE_PAUSE_MS = 10;
const EAGER_FOR_MS = 5_000;
const TICK_MS_MAX = 50;
const RESUMED_AT_ONCE_MAX = 500;
const ACTING_MAX = 4_000;

export class Orchestrator {
  #work: LeasedWork | null = null;
  #reactions: TaskReactions | null = null;

  constructor(private readonly parts: OrchestratorParts) {}

  get isOwner(): boolean {
    return this.#work?.held() ?? false;
  }

  get active(): number {
    return this.#reactions?.active ?? 0;
  }

  get waiting(): number {
    return this.#reactions?.waiting ?? 0;
  }

  start(): void {
    if (this.#work !== null) return;
    const { pool, logger, limits } = this.parts;
    this.#work = runUnderLease(pool, ORCHESTRATOR_LEASE, (lease, signal) => this.#own(lease, signal), {
      ttlMs: limits.leaseTtlMs,
      onError: (error) => {
        this.parts.metrics.troubles.inc({ part: 'orchestrator' });
        if (error instanceof LeaseLost) logger.warn({ err: error }, 'another process has become the orchestrator');
        else logger.error({ err: error }, 'the orchestrator stopped; it starts again');
      },
    });
  }

  /** Finishes what is under way, writes it down, and gives the lease to whoever waits for it. */
  async stop(): Promise<void> {
    const work = this.#work;
    this.#work = null;
    await work?.stop();
  }

  async #own(lease: Lease, signal: AbortSignal): Promise<void> {
    const position = await new DueRows(this.parts.pool).takeOver(lease);
    const ownership = new Ownership(this.parts, lease, signal, position);
    this.#reactions = ownership.reactions;
    try {
      await ownership.run(position);
    } finally {
      this.#reactions = null;
    }
  }
}

/** The time between taking the lease and giving it up: everything held in memory belongs to it, and goes with it. */
class Ownership {
  readonly reactions: TaskReactions;
  readonly #rows: DueRows;
  readonly #pending = new PendingRows();
  readonly #writer: CheckpointWriter;
  readonly #dues: AccountDues;
  readonly #tickAlarm = new Alarm();
  readonly #lookAlarm = new Alarm();
  readonly #writeAlarm = new Alarm();
  /** Aborted with the lease, on stop, and when any part of this fails. */
  readonly #ended = new AbortController();
  #eagerUntilMs = 0;
  #isDead = false;

  constructor(
    private readonly parts: OrchestratorParts,
    private readonly lease: Lease,
    private readonly signal: AbortSignal,
    position: string,
  ) {
    const { pool, store, sessions, settlements, calls, providers, clock, logger, metrics, policy, limits, random, book } = parts;
    const mayAct = (): boolean => !this.#isDead && lease.held();
    this.#rows = new DueRows(pool);
    this.#writer = new CheckpointWriter(this.#rows, this.#pending, lease, position);
    const rows = this.#pending;
    this.#dues = new AccountDues({
      rows: this.#rows,
      pending: rows,
      book,
      write: () => this.#writer.write(),
      clock,
      logger,
      metrics,
      accountsAtOnceMax: limits.accountsAtOnceMax,
      mayAct,
    });
    this.reactions = new TaskReactions({
      store,
      sessions,
      settlements,
      calls,
      providers,
      rows,
      lowerAccount: (tenant, accountId, dueAt) => this.#dues.lower(tenant, accountId, dueAt),
      clock,
      logger,
      metrics,
      policy,
      limits,
      random: random ?? Math.random,
      mayAct,
    });
  }

  async run(position: string): Promise<void> {
    const end = (): void => this.#end();
    this.signal.addEventListener('abort', end, { once: true });
    if (this.signal.aborted) end();
    const stopListening = this.#listen();
    try {
      await Promise.all(
        [this.#read(position), this.#keepTime(), this.#look(), this.#write()].map((loop) =>
          loop.catch((error: unknown) => this.#fail(error)),
        ),
      );
    } finally {
      stopListening();
      this.signal.removeEventListener('abort', end);
      await this.#drain();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #failure: Error | null = null;

  #fail(error: unknown): void {
    this.#failure ??= error as Error;
    this.#end();
  }

  #end(): void {
    this.#ended.abort();
    for (const alarm of [this.#tickAlarm, this.#lookAlarm, this.#writeAlarm]) alarm.ring();
  }

  #listen(): () => void {
    const { providers, clock } = this.parts;
    const moved = (): void => {
      this.#eagerUntilMs = performance.now() + EAGER_FOR_MS;
      this.#tickAlarm.ring();
      this.#lookAlarm.ring();
      this.#writeAlarm.ring();
    };
    const listening = [...providers.values()].map((provider) => provider.onHint((id) => this.reactions.hint(id)));
    if (clock.onMoved !== undefined) listening.push(clock.onMoved(moved));
    return () => {
      for (const stop of listening) stop();
    };
  }

  /** The inbox: what the log says since the checkpoint, and from now on. */
  async #read(after: string): Promise<void> {
    const { store, clock, metrics } = this.parts;
    const { signal } = this.#ended;
    const pause = new Alarm();
    for await (const page of store.subscribe({ after, types: FACT_TYPES, batchSizeMax: PAGE_SIZE, signal })) {
      await this.#takeIn(page);
      const last = page.facts.at(-1);
      metrics.lagMs.set(page.atEnd || last === undefined ? 0 : Math.max(0, clock.now() - last.recordedAt));
      if (page.atEnd && this.reactions.acting > 0 && !signal.aborted) await pause.wait(PAGE_PAUSE_MS);
    }
  }

  async #takeIn(page: LogPage): Promise<void> {
    for (const fact of page.facts) {
      if (fact.type === 'TaskSubmitted') this.reactions.submitted(fact);
      else if (fact.type === 'TaskCancellationRequested') await this.reactions.wake(fact);
      else {
        const dueAt = dueOf({ type: fact.type, data: fact.data } as unknown as AccountFact);
        if (dueAt !== null) this.#dues.lower(fact.tenant, fact.stream.slice(fact.stream.indexOf('.') + 1), dueAt);
      }
    }
    this.#writer.saw(page.position);
  }

  async #keepTime(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      this.reactions.tick();
      this.#dues.tick();
      const now = this.parts.clock.now();
      const next = Math.min(this.reactions.nextDueAt() ?? Infinity, this.#dues.isRunning ? Infinity : this.#dues.nextAt);
      await this.#tickAlarm.wait(Math.max(5, Math.min(TICK_MS_MAX, next - now)));
    }
  }

  /** Takes up parked tasks that are due, as far as there is room. */
  async #look(): Promise<void> {
    const { clock, limits } = this.parts;
    while (!this.#ended.signal.aborted) {
      const limit = Math.min(this.reactions.room, RESUMED_AT_ONCE_MAX);
      let found = 0;
      if (limit > 0 && this.reactions.acting < ACTING_MAX) {
        const rows = await this.#rows.parkedTasks(clock.now(), limit, this.reactions.saturatedAccounts());
        await this.reactions.resume(rows);
        // A row that is still shown as parked was taken up before: until its new row is written there is nothing to hurry for.
        found = rows.length;
      }
      if (found === limit && limit > 0) await this.#writer.write();
      else await this.#lookAlarm.wait(limits.lookEveryMs);
    }
  }

  async #write(): Promise<void> {
    const { writeEveryMs, writeEagerlyEveryMs } = this.parts.limits;
    while (!this.#ended.signal.aborted) {
      await this.#writeAlarm.wait(performance.now() < this.#eagerUntilMs ? writeEagerlyEveryMs : writeEveryMs);
      await this.#writer.write();
    }
  }

  /** Nothing is abandoned in the middle: what was begun is finished and written, unless the lease is gone already. */
  async #drain(): Promise<void> {
    this.reactions.close();
    const until = performance.now() + this.parts.limits.drainTimeoutMs;
    const pause = new Alarm();
    while ((this.reactions.acting > 0 || this.#dues.isRunning) && this.lease.held() && performance.now() < until) await pause.wait(5);
    this.#isDead = true;
    if (this.lease.held() && !(this.#failure instanceof LeaseLost)) await this.#writer.write();
  }
}
