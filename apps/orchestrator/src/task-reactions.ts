// 5 react · drives every live task: judges what was learnt on the task's own stream, acts, and waits; called by the log, the clock and hints.
import type { Logger } from 'pino';
import { eventId, fromIso, invariant, isRefusal, newCommandId, unreachable, type Clock, type InstantMs } from '#libs/kernel';
import {
  EventStoreUnavailable,
  parseStream,
  SessionsOverloaded,
  tenantStream,
  type EventStore,
  type Sessions,
  type StoredFact,
} from '#libs/event-store';
import type { Provider } from '#libs/providers';
import type { LiveTaskRow } from '#libs/reactions';
import type { Settlements } from '#libs/settlement';
import { decideTask, type TaskState } from '#libs/tasks';
import { dueOf } from './account-facts.js';
import { liveTask, type LiveTask } from './live-task.js';
import { LiveTasks } from './live-tasks.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { PendingRows } from './pending-rows.js';
import type { Places } from './places.js';
import type { ProviderCalls } from './provider-calls.js';
import { commandFor, nextStep, saysNothing, type Next, type Observation, type Situation } from './reaction.decider.js';
import type { OrchestratorLimits, ReactionPolicy } from './reaction.policy.js';
import { isAnswer, newFact, seenIn, UNANSWERED, type Call, type Seen, type SubmittedData } from './task-act.js';
import { learn, remember } from './task-memory.js';

export interface TaskReactionParts {
  store: Pick<EventStore, 'readStreams'>;
  sessions: Sessions<TaskState>;
  settlements: Pick<Settlements, 'settle' | 'settleFromLog'>;
  calls: ProviderCalls;
  providers: ReadonlyMap<string, Provider>;
  /** Shared by all partitions of this process. */
  places: Places;
  /** Of a plan: the share of a provider's places that an account on it has. */
  weightOf: (plan: string) => number;
  partition: number;
  rows: PendingRows;
  /** The account may be due by then. */
  lowerAccount: (tenant: string, accountId: string, dueAt: InstantMs) => void;
  clock: Clock;
  logger: Logger;
  metrics: OrchestratorMetrics;
  policy: ReactionPolicy;
  limits: OrchestratorLimits;
  /** 0…1 */
  random: () => number;
  /** Whether this process still owns the partition: asked before every act. */
  mayAct: () => boolean;
}

export const ORCHESTRATOR_ACTOR = 'orchestrator';

const TROUBLE_DELAY_MS = 250;
const TROUBLE_DELAY_MS_MAX = 30_000;

export class TaskReactions {
  readonly #tasks: LiveTasks;
  #acting = 0;
  #isClosed = false;

  constructor(private readonly parts: TaskReactionParts) {
    const { partition, rows, clock, places, weightOf, limits, sessions } = parts;
    this.#tasks = new LiveTasks({
      partition,
      rows,
      clock,
      places,
      weightOf,
      limits,
      onTurn: (task) => this.#observe(task, { kind: 'turn' }),
      // Most tasks are never commanded again; one that is comes back with its stream.
      onForgotten: ({ stream }) => sessions.release(stream),
    });
  }

  get active(): number {
    return this.#tasks.size;
  }

  /** Acts and calls under way: none when drained. */
  get acting(): number {
    return this.#acting;
  }

  has(taskId: string): boolean {
    return this.#tasks.has(taskId);
  }

  saturatedAccounts(): string[] {
    return this.#tasks.saturatedAccounts();
  }

  nextDueAt(): InstantMs | null {
    return this.#tasks.nextDueAt();
  }

  // ── What comes in ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A task that was submitted: taken up now, or left as a row where this process or the account has enough in memory. */
  submitted(fact: StoredFact): void {
    const { taskId, accountId, provider, deadlineAt } = fact.data as unknown as SubmittedData;
    const { tenant } = fact;
    if (this.#tasks.has(taskId)) return;
    const timesOutAt = fromIso(deadlineAt);
    if (!this.#tasks.hasRoomFor(tenant, accountId)) {
      const dueAt = this.parts.clock.now();
      this.parts.rows.putRow({ taskId, tenant, accountId, dueAt, timesOutAt, isSettled: false, isParked: true });
      return;
    }
    const task = liveTask(tenant, accountId, taskId, fact, fact, { timesOutAt, isSettled: false, mayExist: false });
    this.#tasks.add(task);
    this.#tasks.queue(task, provider);
    this.#tasks.schedule(task, timesOutAt);
  }

  /** Tasks that waited as rows: their streams are read, and they go on from where those stand. */
  async resume(rows: readonly LiveTaskRow[]): Promise<void> {
    await this.#take(rows.filter(({ taskId }) => !this.#tasks.has(taskId) && !this.parts.rows.supersedes(taskId)));
  }

  /** Something happened to the task that this process did not do. */
  async wake(fact: StoredFact): Promise<void> {
    const { tenant, id: taskId } = parseStream(fact.stream);
    invariant(tenant !== null, () => `${fact.stream} is no task of a tenant`);
    const task = this.#tasks.get(taskId);
    if (task !== null) return this.#observe(task, { kind: 'woken' });
    // It waits as a row, or was finished before: its stream says which, and to settle once more changes nothing.
    const now = this.parts.clock.now();
    await this.#take([{ taskId, tenant, accountId: '', dueAt: now, timesOutAt: now, isSettled: false, isParked: true }]);
  }

  /** Tasks that were given a place at a provider: whether they still need it, their streams say. */
  async recall(tasks: ReadonlyArray<{ taskId: string; tenant: string }>): Promise<void> {
    const dueAt = this.parts.clock.now();
    const rows = tasks.map(({ taskId, tenant }) => ({
      taskId,
      tenant,
      accountId: '',
      dueAt,
      timesOutAt: dueAt,
      isSettled: false,
      isParked: true,
    }));
    await this.#take(
      rows.filter(({ taskId }) => !this.#tasks.has(taskId)),
      true,
    );
  }

  async #take(rows: readonly LiveTaskRow[], arePlaced = false): Promise<void> {
    if (rows.length === 0) return;
    const streams = rows.map(({ tenant, taskId }) => tenantStream('task', tenant, taskId));
    const histories = await this.parts.store.readStreams(streams);
    for (const [index, { taskId, tenant, timesOutAt, isSettled }] of rows.entries()) {
      const facts = histories.get(streams[index]!) ?? [];
      const first = facts[0];
      const last = facts.at(-1);
      if (this.#isClosed || this.#tasks.has(taskId)) continue;
      if (first === undefined || last === undefined) {
        this.parts.rows.remove(taskId, true);
        continue;
      }
      this.parts.sessions.prime(streams[index]!, facts);
      const { accountId, provider } = first.data as unknown as SubmittedData;
      const task = liveTask(tenant, accountId, taskId, first, last, { timesOutAt, isSettled, mayExist: true });
      if (arePlaced) task.jobAt = provider;
      this.#tasks.add(task);
      this.#observe(task, { kind: 'woken' });
    }
  }

  /** A vendor says that a job may have news; false where the job is not known here. */
  hint(providerJobId: string): boolean {
    const task = this.#tasks.ofJob(providerJobId);
    if (task === null) return false;
    task.isHinted = true;
    if (task.inbox.length === 0) this.#follow(task);
    return true;
  }

  /** Looks at every task that is due; called by the clock. */
  tick(): void {
    for (const task of this.#tasks.due(this.parts.clock.now())) {
      if (task.inbox.length > 0) this.#run(task);
      else if (task.situation === null) this.#observe(task, { kind: 'woken' });
      else this.#follow(task);
    }
  }

  /** No new act begins; what was dispatched is submitted, and what providers answer to calls under way is still written down. */
  close(): void {
    this.#isClosed = true;
  }

  /** Nothing of what is in mind counts any more. */
  drop(): void {
    this.#isClosed = true;
    this.#tasks.drop();
  }

  // ── Judging ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #observe(task: LiveTask, observation: Observation): void {
    task.inbox.push(observation);
    this.#run(task);
  }

  #run(task: LiveTask): void {
    if (task.isRunning || task.isGone) return;
    task.isRunning = true;
    this.#acting += 1;
    void this.#drain(task).finally(() => {
      this.#acting -= 1;
    });
  }

  async #drain(task: LiveTask): Promise<void> {
    try {
      for (let observation = task.inbox[0]; observation !== undefined && this.parts.mayAct(); observation = task.inbox[0]) {
        if (!this.#isClosed || isAnswer(observation)) await this.#judge(task, observation);
        task.inbox.shift();
        task.troubles = 0;
        if (task.situation?.isOver === true) await this.#settle(task, task.situation);
      }
      task.isRunning = false;
      this.#follow(task);
    } catch (error) {
      task.isRunning = false;
      this.#trouble(task, error as Error);
    }
  }

  /** Reads the task as it stands, decides what the observation means for it, and writes that down. */
  async #judge(task: LiveTask, observation: Observation): Promise<void> {
    const { policy, sessions, clock } = this.parts;
    const capabilities = this.#providerOf(task)?.capabilities ?? null;
    this.#report(task, observation);
    remember(task, observation, clock.now(), capabilities, policy);
    if (task.situation !== null && saysNothing(task.situation, observation, policy)) return;
    if (task.situation === null && task.submitted !== null) sessions.prime(task.stream, [task.submitted]);
    const commandId = newCommandId();
    const { tenant, correlationId, causationId } = task;
    const meta = { commandId, tenant, actor: ORCHESTRATOR_ACTOR, correlationId, causationId, requestHash: null };
    const jitter = this.parts.random();
    const outcome = await sessions.execute<Seen>(task.stream, meta, (state, at) => {
      const command = commandFor(state, observation, at, policy, jitter);
      const decision = command === null ? null : decideTask(state, command, at);
      if (Array.isArray(decision)) return { facts: decision.map(newFact), result: () => seenIn(state, command, decision.length) };
      return { unchanged: true, result: seenIn(state, command, 0, isRefusal(decision) ? decision.detail : null) };
    });
    invariant(outcome.kind === 'appended' || outcome.kind === 'unchanged', () => `the act on ${task.taskId} ended as ${outcome.kind}`);
    const { situation, command, refusal, ended, factsWritten } = outcome.result;
    if (refusal !== null) {
      this.parts.logger.error({ taskId: task.taskId, command, detail: refusal }, 'a task refused what its provider said of it');
      if (observation.kind === 'reported') this.parts.metrics.unrecognisedStatuses.inc({ provider: situation.provider });
    }
    if (factsWritten > 0) task.causationId = eventId(commandId, factsWritten - 1);
    if (factsWritten > 0 && command?.type === 'Dispatch') task.memory.maySubmit = situation.attempt?.number ?? null;
    task.ended = ended;
    learn(task, situation, clock.now(), this.parts.providers.get(situation.provider)?.capabilities ?? null, policy);
    if (task.jobId !== null) this.#tasks.nameJob(task.jobId, task);
    this.#tasks.updateRow(task);
  }

  /** What an operator has to hear of. */
  #report(task: LiveTask, observation: Observation): void {
    const provider = task.situation?.provider ?? '';
    const { taskId } = task;
    if (observation.kind === 'submitted' && observation.answer.kind === 'unknown') {
      this.parts.metrics.unknownSubmissions.inc({ provider });
      this.parts.logger.warn({ taskId, provider, detail: observation.answer.detail }, 'it is not known whether a submission arrived');
    }
    if (observation.kind === 'reported' && observation.report.kind === 'unrecognised') {
      this.parts.metrics.unrecognisedStatuses.inc({ provider });
      const { status } = observation.report;
      this.parts.logger.error({ taskId, provider, status }, 'a provider reported a status that is not known: the credits stay held');
    }
  }

  // ── Acting ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #follow(task: LiveTask): void {
    const { situation, memory } = task;
    if (task.isRunning || task.isGone || !this.parts.mayAct() || situation === null) return;
    const now = this.parts.clock.now();
    if (task.isHinted && !memory.isCalling && situation.attempt?.providerJobId === task.jobId) {
      task.isHinted = false;
      memory.lookAt = now;
    }
    const provider = this.#providerOf(task);
    const next = nextStep(situation, memory, now, provider?.capabilities ?? null, this.parts.policy);
    // Whoever takes over would have to doubt an attempt that was dispatched and never submitted: it is part of what was begun.
    if (this.#isClosed && next.do !== 'submit') return;
    if (next.do !== 'submit' && !memory.isCalling) this.#tasks.leavePlace(task);
    const jobUntil = this.#tasks.keepJob(task, situation, now, this.parts.policy.jobGraceMs);
    this.#perform(task, situation, next.do === 'wait' ? { do: 'wait', until: Math.min(next.until, jobUntil) } : next, provider);
  }

  #perform(task: LiveTask, situation: Situation, next: Next, provider: Provider | null): void {
    switch (next.do) {
      case 'finish':
        return this.#tasks.finish(task);
      case 'wake':
      case 'settle':
        return this.#observe(task, { kind: 'woken' });
      case 'doubt':
        return this.#observe(task, { kind: 'submitted', attempt: next.attempt, answer: UNANSWERED });
      case 'queue':
        this.#tasks.queue(task, situation.provider);
        return this.#tasks.schedule(task, situation.timesOutAt);
      case 'wait':
        return this.#tasks.schedule(task, next.until);
      case 'submit':
      case 'lookup':
      case 'report':
      case 'cancel':
        invariant(provider !== null, () => `${task.taskId} is to be called for at ${situation.provider}, which is not configured`);
        task.memory.isCalling = true;
        this.#tasks.schedule(task, situation.isOver ? Infinity : situation.timesOutAt);
        this.#acting += 1;
        void this.#call(task, next, provider).finally(() => {
          this.#acting -= 1;
        });
        return;
      default:
        return unreachable(next, 'next step');
    }
  }

  /** The answer becomes an observation; the task can time out meanwhile, so a slow vendor holds nobody's credits. */
  async #call(task: LiveTask, call: Call, provider: Provider): Promise<void> {
    try {
      const observation = await this.#ask(task, call, provider);
      task.memory.isCalling = false;
      this.#observe(task, observation);
    } catch (error) {
      task.memory.isCalling = false;
      this.#trouble(task, error as Error);
    }
  }

  async #ask(task: LiveTask, call: Call, provider: Provider): Promise<Observation> {
    const { calls, policy } = this.parts;
    const { attempt } = call;
    switch (call.do) {
      case 'submit': {
        const answer = await calls.submit(provider, task, attempt, call.clientJobId, this.parts.mayAct);
        if (answer.kind === 'accepted') {
          // Known before it is written: a hint may be faster than the log.
          task.jobId = answer.providerJobId;
          this.#tasks.nameJob(answer.providerJobId, task);
        }
        return { kind: 'submitted', attempt, answer };
      }
      case 'lookup': {
        const answer = await calls.lookup(provider, call.clientJobId);
        task.neverCreated = answer.kind === 'never_created' ? task.neverCreated + 1 : 0;
        return { kind: 'looked_up', attempt, answer, isConfirmed: task.neverCreated >= policy.neverCreatedConfirmations };
      }
      case 'report':
        return { kind: 'reported', attempt, report: await calls.report(provider, call.providerJobId) };
      case 'cancel':
        return { kind: 'cancel_answered', attempt, answer: await calls.cancel(provider, call.providerJobId) };
      default:
        return unreachable(call, 'call');
    }
  }

  async #settle(task: LiveTask, situation: Situation): Promise<void> {
    const { memory, tenant, accountId, taskId, correlationId, causationId, ended } = task;
    if (memory.isSettled && (!situation.hasLateResult || memory.isLateResultSettled)) return;
    const { settlements, lowerAccount, metrics, clock } = this.parts;
    const settled =
      ended === null
        ? await settlements.settleFromLog(tenant, taskId, causationId)
        : await settlements.settle(tenant, ended, { correlationId, causationId });
    invariant(settled.settled, () => `${taskId} is over and was not settled`);
    task.ended = null;
    memory.isSettled = true;
    memory.isLateResultSettled = situation.hasLateResult;
    for (const fact of settled.facts) {
      metrics.settlements.inc({ ending: fact.type });
      const dueAt = dueOf(fact);
      if (dueAt !== null) lowerAccount(tenant, accountId, dueAt);
    }
    // Settled by somebody else, or before a crash: what that left to lapse is not known here, so the account itself is asked.
    if (settled.facts.length === 0) lowerAccount(tenant, accountId, clock.now());
    this.#tasks.updateRow(task);
  }

  /** A part of ours failed: nothing is lost, it is tried again, later each time. */
  #trouble(task: LiveTask, error: Error): void {
    if (task.isGone || !this.parts.mayAct()) return;
    const isStore = error instanceof EventStoreUnavailable || error instanceof SessionsOverloaded;
    this.parts.metrics.troubles.inc({ part: isStore ? 'store' : 'task' });
    if (!isStore) this.parts.logger.error({ err: error, taskId: task.taskId }, 'a task could not be moved on; it is tried again');
    this.#tasks.schedule(task, this.parts.clock.now() + Math.min(TROUBLE_DELAY_MS_MAX, TROUBLE_DELAY_MS * 2 ** task.troubles));
    task.troubles += 1;
  }

  #providerOf(task: LiveTask): Provider | null {
    return task.situation === null ? null : this.parts.calls.provider(task.situation.provider);
  }
}
