// 5 react · the tasks that this process has in mind: who is due when, who waits for a place, whose job a hint speaks of, and what their rows say.
import type { Clock, InstantMs } from '#libs/kernel';
import { DueHeap } from './due-heap.js';
import type { LiveTask } from './live-task.js';
import { accountKey, type PendingRows } from './pending-rows.js';
import type { Places } from './places.js';
import type { Situation } from './reaction.decider.js';
import type { OrchestratorLimits } from './reaction.policy.js';

/** A task that is looked at again only after this long waits as a row; much sooner where the memory is half full. */
const PARKED_BEYOND_MS = 60_000;
const PARKED_BEYOND_CROWDED_MS = 2_000;
const HEAP_SLACK = 1_000;
/** Of one account, in line: where the memory is half full, and where it is full. An account that has next to nothing there is always let in. */
const WAITING_PER_ACCOUNT_CROWDED_MAX = 64;
const WAITING_PER_ACCOUNT_FULL_MAX = 1;
/** Past the full memory, for accounts that have next to nothing in it. */
const SPARE_FRACTION = 5;

export class LiveTasks {
  readonly #tasks = new Map<string, LiveTask>();
  readonly #byJob = new Map<string, LiveTask>();
  readonly #waitingByAccount = new Map<string, number>();
  readonly #heap = new DueHeap<LiveTask>();

  constructor(
    private readonly parts: {
      partition: number;
      rows: PendingRows;
      clock: Clock;
      /** Shared by all partitions of this process. */
      places: Places;
      weightOf: (plan: string) => number;
      limits: OrchestratorLimits;
      /** Its turn to be submitted has come. */
      onTurn: (task: LiveTask) => void;
      /** It is not in mind any more: finished, or left as a row. */
      onForgotten: (task: LiveTask) => void;
    },
  ) {}

  get size(): number {
    return this.#tasks.size;
  }

  has(taskId: string): boolean {
    return this.#tasks.has(taskId);
  }

  get(taskId: string): LiveTask | null {
    return this.#tasks.get(taskId) ?? null;
  }

  ofJob(providerJobId: string): LiveTask | null {
    return this.#byJob.get(providerJobId) ?? null;
  }

  nameJob(providerJobId: string, task: LiveTask): void {
    this.#byJob.set(providerJobId, task);
  }

  /** Whether another task of the account may wait in memory. */
  hasRoomFor(tenant: string, accountId: string): boolean {
    const waiting = this.#waitingByAccount.get(accountKey(tenant, accountId)) ?? 0;
    return roomIn(this.parts.places, this.parts.limits) > 0 && waiting < this.#waitingMax();
  }

  add(task: LiveTask): void {
    this.#tasks.set(task.taskId, task);
    this.parts.places.inMemory += 1;
    this.parts.rows.put(task, task.row.timesOutAt, false);
  }

  /** Accounts (by {@link accountKey}) of which no more may wait in memory. */
  saturatedAccounts(): string[] {
    const max = this.#waitingMax();
    return [...this.#waitingByAccount].filter(([, waiting]) => waiting >= max).map(([key]) => key);
  }

  /** The fuller the memory, the less of it for those who have much in it: there is always some left for who has nothing. */
  #waitingMax(): number {
    const { limits, places } = this.parts;
    if (places.inMemory >= limits.activeTasksMax) return WAITING_PER_ACCOUNT_FULL_MAX;
    return isCrowded(places, limits) ? Math.min(WAITING_PER_ACCOUNT_CROWDED_MAX, limits.waitingPerAccountMax) : limits.waitingPerAccountMax;
  }

  // ── Places ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  queue(task: LiveTask, provider: string): void {
    if (task.place !== 'none') return;
    task.place = 'waiting';
    task.placeAt = provider;
    const account = accountKey(task.tenant, task.accountId);
    this.#waitingByAccount.set(account, (this.#waitingByAccount.get(account) ?? 0) + 1);
    const { places, weightOf, onTurn } = this.parts;
    places.enter(provider, {
      ...this.#placed(task),
      account,
      weight: weightOf(task.plan),
      start: () => {
        const waiting = (this.#waitingByAccount.get(account) ?? 1) - 1;
        if (waiting > 0) this.#waitingByAccount.set(account, waiting);
        else this.#waitingByAccount.delete(account);
        task.place = 'held';
        if (places.isBounded(provider)) task.jobAt = provider;
        if (!task.isGone) return onTurn(task);
        queueMicrotask(() => {
          this.leavePlace(task);
          this.#leaveJob(task);
        });
      },
    });
  }

  leavePlace(task: LiveTask): void {
    if (task.place !== 'held') return;
    task.place = 'none';
    this.parts.places.leave(task.placeAt);
  }

  /**
   * A job counts at a provider that bounds its jobs from its submission to its verdict; one that has none long after its task's ending counts
   * no more. Answers when that will be, Infinity where it does not come by itself.
   */
  keepJob(task: LiveTask, situation: Situation, now: InstantMs, graceMs: number): InstantMs {
    const { places } = this.parts;
    const { attempt, isOver, endedAt, provider } = situation;
    if (!places.isBounded(provider) || task.place !== 'none') return Infinity;
    const until = isOver ? endedAt + graceMs : Infinity;
    const runs = attempt !== null && (isOver || attempt.status !== 'abandoned') && now < until;
    if (!runs) this.#leaveJob(task);
    else if (task.jobAt === null) {
      task.jobAt = provider;
      places.adoptJob(provider, this.#placed(task));
    }
    return runs ? until : Infinity;
  }

  #leaveJob(task: LiveTask): void {
    if (task.jobAt === null) return;
    this.parts.places.leaveJob(task.jobAt, this.#placed(task));
    task.jobAt = null;
  }

  #placed({ taskId, tenant }: LiveTask): { taskId: string; tenant: string; partition: number } {
    return { taskId, tenant, partition: this.parts.partition };
  }

  // ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  nextDueAt(): InstantMs | null {
    return this.#heap.peek();
  }

  /** The tasks that are due, each once; what was scheduled anew since is left alone. */
  *due(now: InstantMs): Generator<LiveTask> {
    for (let slot = this.#heap.pop(now); slot !== null; slot = this.#heap.pop(now)) {
      const task = slot.item;
      if (task.isGone || task.dueAt !== slot.at) continue;
      task.dueAt = Infinity;
      yield task;
    }
  }

  /** Looked at again then: in memory, or as a row where that is far off. */
  schedule(task: LiveTask, until: InstantMs): void {
    if (task.isGone) return;
    if (until === Infinity) {
      task.dueAt = Infinity;
      return;
    }
    const isIdle = !task.memory.isCalling && task.place === 'none' && task.inbox.length === 0;
    if (isIdle && until - this.parts.clock.now() > this.#parkedBeyondMs()) return this.#park(task, until);
    if (task.dueAt === until) return;
    task.dueAt = until;
    this.#heap.push(until, task);
    // A life schedules itself several times, most of them for a deadline that never comes: such slots must not pile up.
    if (this.#heap.size > HEAP_SLACK + 2 * this.#tasks.size) this.#heap.keepOnly((at, { isGone, dueAt }) => !isGone && dueAt === at);
  }

  #parkedBeyondMs(): number {
    return isCrowded(this.parts.places, this.parts.limits) ? PARKED_BEYOND_CROWDED_MS : PARKED_BEYOND_MS;
  }

  // ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its row is written anew where what was last said of it is no longer so. */
  updateRow(task: LiveTask): void {
    const { situation, memory, row } = task;
    if (task.isGone || situation === null) return;
    if (situation.timesOutAt === row.timesOutAt && memory.isSettled === row.isSettled) return;
    row.timesOutAt = situation.timesOutAt;
    row.isSettled = memory.isSettled;
    this.parts.rows.put(task, situation.timesOutAt, false);
  }

  #park(task: LiveTask, until: InstantMs): void {
    this.#forget(task);
    this.parts.rows.put(task, until, true);
  }

  /** Nothing will ever be done for it again. */
  finish(task: LiveTask): void {
    this.#leaveJob(task);
    this.#forget(task);
    this.parts.rows.remove(task.taskId, task.row.mayExist);
  }

  /** The partition is no longer ours: its tasks are somebody else's, and their rows say so already. */
  drop(): void {
    for (const account of this.#waitingByAccount.keys()) this.parts.places.drop(account);
    this.#waitingByAccount.clear();
    for (const task of [...this.#tasks.values()]) this.#forget(task);
  }

  #forget(task: LiveTask): void {
    task.isGone = true;
    // Deadlines that never come keep it on the heap for a while: not with its texts.
    task.submitted = null;
    if (this.#tasks.delete(task.taskId)) this.parts.places.inMemory -= 1;
    const providerJobId = task.situation?.attempt?.providerJobId ?? task.jobId;
    if (providerJobId !== null && this.#byJob.get(providerJobId) === task) this.#byJob.delete(providerJobId);
    this.leavePlace(task);
    this.parts.onForgotten(task);
  }
}

/** How many more tasks this process may have in memory. */
export function roomIn(places: Places, { activeTasksMax }: Pick<OrchestratorLimits, 'activeTasksMax'>): number {
  return Math.max(0, activeTasksMax + Math.floor(activeTasksMax / SPARE_FRACTION) - places.inMemory);
}

function isCrowded(places: Places, { activeTasksMax }: Pick<OrchestratorLimits, 'activeTasksMax'>): boolean {
  return places.inMemory * 2 > activeTasksMax;
}
