// 5 react · rows that are to be written with the next checkpoint; a task that begins and ends between two writes never becomes one.
import type { InstantMs } from '#libs/kernel';
import type { DueAccount, DueChanges, LiveTaskRow } from '#libs/reactions';
import type { LiveTask } from './live-task.js';

type Booked = DueChanges['booked'][number];

export interface PendingWrite {
  tasks: Map<string, LiveTaskRow>;
  deleted: Set<string>;
  lowered: Map<string, DueAccount>;
  booked: Map<string, Booked>;
}

export class PendingRows {
  #next: PendingWrite = emptyWrite();
  /** Whose rows are pending: once one is on its way, it may exist. */
  #owners = new Map<string, LiveTask>();
  /** On its way to the database: neither certainly there nor certainly not. */
  #underWay: PendingWrite = emptyWrite();

  get size(): number {
    const { tasks, deleted, lowered, booked } = this.#next;
    return tasks.size + deleted.size + lowered.size + booked.size;
  }

  /** The task as it now is; `dueAt` matters only where it is parked. */
  put(task: LiveTask, dueAt: InstantMs, isParked: boolean): void {
    const { taskId, tenant, accountId } = task;
    const { timesOutAt, isSettled } = task.row;
    this.putRow({ taskId, tenant, accountId, dueAt, timesOutAt, isSettled, isParked });
    this.#owners.set(taskId, task);
  }

  putRow(row: LiveTaskRow): void {
    this.#next.deleted.delete(row.taskId);
    this.#next.tasks.set(row.taskId, row);
  }

  remove(taskId: string, mayExist: boolean): void {
    this.#next.tasks.delete(taskId);
    this.#owners.delete(taskId);
    if (mayExist || this.#underWay.tasks.has(taskId)) this.#next.deleted.add(taskId);
  }

  /** True where a row read from the database is older than what is pending for it. */
  supersedes(taskId: string): boolean {
    return [this.#next, this.#underWay].some(({ tasks, deleted }) => tasks.has(taskId) || deleted.has(taskId));
  }

  /** A fact says that the account is due then, or earlier than was known. */
  lower(tenant: string, accountId: string, dueAt: InstantMs): void {
    const key = accountKey(tenant, accountId);
    const booked = this.#next.booked.get(key);
    if (booked !== undefined) {
      if (booked.dueAt === null || booked.dueAt > dueAt) this.#next.booked.set(key, { tenant, accountId, dueAt });
      return;
    }
    const lowered = this.#next.lowered.get(key);
    if (lowered === undefined || lowered.dueAt > dueAt) this.#next.lowered.set(key, { tenant, accountId, dueAt });
  }

  /** The account itself says when it is next due. */
  book(tenant: string, accountId: string, dueAt: InstantMs | null): void {
    const key = accountKey(tenant, accountId);
    this.#next.lowered.delete(key);
    this.#next.booked.set(key, { tenant, accountId, dueAt });
  }

  isAccountPending(tenant: string, accountId: string): boolean {
    const key = accountKey(tenant, accountId);
    return this.#next.booked.has(key) || this.#underWay.booked.has(key);
  }

  take(): DueChanges {
    this.#underWay = this.#next;
    this.#next = emptyWrite();
    for (const task of this.#owners.values()) task.row.mayExist = true;
    this.#owners = new Map();
    const { tasks, deleted, lowered, booked } = this.#underWay;
    return { upserts: [...tasks.values()], deletions: [...deleted], lowered: [...lowered.values()], booked: [...booked.values()] };
  }

  written(): void {
    this.#underWay = emptyWrite();
  }

  /** The write failed: what is newer by now stays, the rest waits for the next write. */
  failed(): void {
    const { tasks, deleted, lowered, booked } = this.#underWay;
    this.#underWay = emptyWrite();
    const next = this.#next;
    for (const [taskId, row] of tasks) if (!next.tasks.has(taskId) && !next.deleted.has(taskId)) next.tasks.set(taskId, row);
    for (const taskId of deleted) if (!next.tasks.has(taskId)) next.deleted.add(taskId);
    for (const { tenant, accountId, dueAt } of lowered.values()) this.lower(tenant, accountId, dueAt);
    for (const [key, account] of booked) {
      const later = next.lowered.get(key);
      next.lowered.delete(key);
      if (!next.booked.has(key)) next.booked.set(key, account);
      if (later !== undefined) this.lower(account.tenant, account.accountId, later.dueAt);
    }
  }
}

export function accountKey(tenant: string, accountId: string): string {
  return `${tenant}.${accountId}`;
}

function emptyWrite(): PendingWrite {
  return { tasks: new Map(), deleted: new Set(), lowered: new Map(), booked: new Map() };
}
