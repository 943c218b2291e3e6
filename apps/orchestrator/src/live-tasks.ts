// 5 react · the tasks that this process has in mind: who is due when, who waits for a place, whose job a hint speaks of, and what their rows say.
import type { Clock, InstantMs } from '#libs/kernel';
import type { Provider } from '#libs/providers';
import { DueHeap } from './due-heap.js';
import { FairSlots } from './fair-slots.js';
import type { LiveTask } from './live-task.js';
import { accountKey, type PendingRows } from './pending-rows.js';
import type { OrchestratorLimits } from './reaction.policy.js';

/** A task that is looked at again only after this long waits as a row; much sooner where the memory is half full. */
const PARKED_BEYOND_MS = 60_000;
const PARKED_BEYOND_CROWDED_MS = 2_000;
const HEAP_SLACK = 1_000;
/** Of a provider that this process does not know: its tasks wait, so one place is enough. */
const UNKNOWN_PROVIDER_SLOTS = 1;

export class LiveTasks {
  readonly #tasks = new Map<string, LiveTask>();
  readonly #byJob = new Map<string, LiveTask>();
  readonly #waitingByAccount = new Map<string, number>();
  readonly #heap = new DueHeap<LiveTask>();
  readonly #slots = new Map<string, FairSlots<LiveTask>>();

  constructor(
    private readonly parts: {
      rows: PendingRows;
      clock: Clock;
      providers: ReadonlyMap<string, Provider>;
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

  get room(): number {
    return Math.max(0, this.parts.limits.activeTasksMax - this.#tasks.size);
  }

  get waiting(): number {
    let waiting = 0;
    for (const slots of this.#slots.values()) waiting += slots.waiting;
    return waiting;
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
    return this.room > 0 && waiting < this.parts.limits.waitingPerAccountMax;
  }

  add(task: LiveTask): void {
    this.#tasks.set(task.taskId, task);
    this.parts.rows.put(task, task.row.timesOutAt, false);
  }

  /** Accounts (by {@link accountKey}) of which no more may wait in memory. */
  saturatedAccounts(): string[] {
    const { waitingPerAccountMax } = this.parts.limits;
    return [...this.#waitingByAccount].filter(([, waiting]) => waiting >= waitingPerAccountMax).map(([key]) => key);
  }

  // ── Places ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  queue(task: LiveTask, provider: string): void {
    if (task.place !== 'none') return;
    task.place = 'waiting';
    const key = accountKey(task.tenant, task.accountId);
    this.#waitingByAccount.set(key, (this.#waitingByAccount.get(key) ?? 0) + 1);
    this.#slotsOf(provider).enter(key, task);
  }

  leavePlace(task: LiveTask, provider: string): void {
    if (task.place !== 'held') return;
    task.place = 'none';
    this.#slotsOf(provider).leave();
  }

  #slotsOf(provider: string): FairSlots<LiveTask> {
    let slots = this.#slots.get(provider);
    if (slots === undefined) {
      const slotsMax = this.parts.providers.get(provider)?.capabilities.callsMax ?? UNKNOWN_PROVIDER_SLOTS;
      const made: FairSlots<LiveTask> = new FairSlots(slotsMax, (task) => {
        const key = accountKey(task.tenant, task.accountId);
        const waiting = (this.#waitingByAccount.get(key) ?? 1) - 1;
        if (waiting > 0) this.#waitingByAccount.set(key, waiting);
        else this.#waitingByAccount.delete(key);
        task.place = 'held';
        if (task.isGone) queueMicrotask(() => this.leavePlace(task, provider));
        else this.parts.onTurn(task);
      });
      this.#slots.set(provider, made);
      slots = made;
    }
    return slots;
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
    return this.#tasks.size * 2 > this.parts.limits.activeTasksMax ? PARKED_BEYOND_CROWDED_MS : PARKED_BEYOND_MS;
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
    this.#forget(task);
    this.parts.rows.remove(task.taskId, task.row.mayExist);
  }

  #forget(task: LiveTask): void {
    task.isGone = true;
    // Deadlines that never come keep it on the heap for a while: not with its texts.
    task.submitted = null;
    this.#tasks.delete(task.taskId);
    const providerJobId = task.situation?.attempt?.providerJobId ?? task.jobId;
    if (providerJobId !== null && this.#byJob.get(providerJobId) === task) this.#byJob.delete(providerJobId);
    if (task.situation !== null) this.leavePlace(task, task.situation.provider);
    this.parts.onForgotten(task);
  }
}
