// 4 project · user-timeline: everything about one user of a customer in one order; run by the projection engine.
import { parseStream, type StoredFact } from '#libs/event-store';
import type { SubmissionData } from '#libs/tasks';
import { bigintArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type ReadRows, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { accountEntries, type Entry, taskEntries } from './entries-of.js';

const SELECT_USERS = `
  SELECT t.tenant, t.task_id, t.user_id, t.account_id FROM unnest($1::text[], $2::text[]) AS w (tenant, task_id)
    JOIN user_task_vN AS t ON t.tenant = w.tenant COLLATE "C" AND t.task_id = w.task_id COLLATE "C"`;
const SELECT_WAITING = 'SELECT tenant, task_id, entries FROM user_waiting_vN';
const INSERT = `
  INSERT INTO user_timeline_vN (tenant, user_id, position, ordinal, at, kind, account_id, task_id, type, summary, credits, event_id)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                       $11::int8[], $12::text[])`;
const INSERT_TASKS =
  'INSERT INTO user_task_vN (tenant, task_id, user_id, account_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])';
const UPSERT_WAITING = `
  INSERT INTO user_waiting_vN AS w (tenant, task_id, entries) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
  ON CONFLICT (tenant, task_id) DO UPDATE SET entries = excluded.entries`;
const DELETE_WAITING = `
  DELETE FROM user_waiting_vN AS w USING unnest($1::text[], $2::text[]) AS t (tenant, task_id)
   WHERE w.tenant = t.tenant COLLATE "C" AND w.task_id = t.task_id COLLATE "C"`;

/** Whose the latest tasks are, those of nobody among them; the log says the same again, so what is kept here can never be wrong. */
const TASKS_MAX = 50_000;

/** `userId` null: the task names nobody. */
interface Owner {
  userId: string | null;
  accountId: string;
}

const NOBODY: Owner = { userId: null, accountId: '' };

interface Waiting {
  tenant: string;
  taskId: string;
  entries: Entry[];
  isStored: boolean;
}

interface Row extends Entry {
  tenant: string;
  userId: string;
}

class UserTimelineProjection implements Projection {
  /** By tenant and task, least recently learnt first. */
  readonly #owners = new Map<string, Owner>();
  /** Holds whose task is still to come, by tenant and task; null until they were read. */
  #waiting: Map<string, Waiting> | null = null;
  #rows: Row[] = [];
  #tasks: Array<{ tenant: string; taskId: string; userId: string; accountId: string }> = [];
  #waits = new Set<string>();
  #arrived = new Set<string>();

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    if (this.#waiting === null) {
      this.#waiting = new Map();
      const rows = await read<{ tenant: string; task_id: string; entries: string }>(this.#statement('select_waiting', SELECT_WAITING, []));
      for (const { tenant, task_id: taskId, entries } of rows)
        this.#waiting.set(keyOf(tenant, taskId), { tenant, taskId, entries: JSON.parse(entries) as Entry[], isStored: true });
    }
    // Most tasks begin in the batch of their hold: whose they are is known before it is folded.
    for (const fact of facts) {
      if (!isSubmission(fact)) continue;
      const { taskId, userId, accountId } = fact.data as unknown as SubmissionData;
      this.#owners.set(keyOf(fact.tenant, taskId), { userId, accountId });
    }
    const missing = new Map<string, { tenant: string; taskId: string; mayBegin: boolean }>();
    for (const fact of facts) {
      for (const taskId of tasksNamedBy(fact)) {
        const key = keyOf(fact.tenant, taskId);
        if (this.#owners.has(key) || missing.has(key)) continue;
        missing.set(key, { tenant: fact.tenant, taskId, mayBegin: fact.type === 'CreditsReserved' });
      }
    }
    if (missing.size > 0) await this.#lookUp(missing, read);
  }

  async #lookUp(missing: ReadonlyMap<string, { tenant: string; taskId: string; mayBegin: boolean }>, read: ReadRows): Promise<void> {
    const asked = [...missing.values()];
    const values = [textArray(asked.map(({ tenant }) => tenant)), textArray(asked.map(({ taskId }) => taskId))];
    const rows = await read<{ tenant: string; task_id: string; user_id: string; account_id: string }>(
      this.#statement('select_users', SELECT_USERS, values),
    );
    for (const row of rows) this.#owners.set(keyOf(row.tenant, row.task_id), { userId: row.user_id, accountId: row.account_id });
    // Only the hold of a task stands before it: what else speaks of a task that is not kept, speaks of one without a user.
    for (const [key, { mayBegin }] of missing) if (!mayBegin && !this.#owners.has(key)) this.#owners.set(key, NOBODY);
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) {
      if (fact.stream.startsWith('task-')) this.#foldTask(fact);
      else if (fact.stream.startsWith('account-')) this.#foldAccount(fact);
    }
  }

  #foldTask(fact: StoredFact): void {
    const { id: taskId } = parseStream(fact.stream);
    const { tenant } = fact;
    const { userId, accountId } = this.#owners.get(keyOf(tenant, taskId)) ?? NOBODY;
    if (isSubmission(fact)) this.#begin(tenant, taskId, { userId, accountId });
    if (userId === null) return;
    for (const entry of taskEntries(fact, accountId)) this.#rows.push({ ...entry, tenant, userId });
  }

  /** What was decided before the task was there is its user's from now on. */
  #begin(tenant: string, taskId: string, { userId, accountId }: Owner): void {
    if (userId !== null) this.#tasks.push({ tenant, taskId, userId, accountId });
    const key = keyOf(tenant, taskId);
    const waiting = this.#waiting?.get(key);
    if (waiting === undefined) return;
    this.#arrived.add(key);
    if (userId !== null) for (const entry of waiting.entries) this.#rows.push({ ...entry, tenant, userId });
  }

  #foldAccount(fact: StoredFact): void {
    const { tenant } = fact;
    const isOfNobody = (taskId: string): boolean => this.#owners.get(keyOf(tenant, taskId))?.userId === null;
    if (tasksNamedBy(fact).every(isOfNobody)) return;
    for (const entry of accountEntries(fact)) {
      const owner = this.#owners.get(keyOf(tenant, entry.taskId));
      if (owner === undefined) this.#wait(tenant, entry);
      else if (owner.userId !== null) this.#rows.push({ ...entry, tenant, userId: owner.userId });
    }
  }

  #wait(tenant: string, entry: Entry): void {
    const key = keyOf(tenant, entry.taskId);
    const waiting = this.#waiting as Map<string, Waiting>;
    const known = waiting.get(key);
    if (known === undefined) waiting.set(key, { tenant, taskId: entry.taskId, entries: [entry], isStored: false });
    else known.entries.push(entry);
    this.#waits.add(key);
  }

  write(): Statement[] {
    const statements: Statement[] = [];
    if (this.#rows.length > 0) statements.push(this.#statement('insert', INSERT, columnsOf(this.#rows)));
    if (this.#tasks.length > 0) {
      const columns = [
        this.#tasks.map((task) => task.tenant),
        this.#tasks.map((task) => task.taskId),
        this.#tasks.map((task) => task.userId),
        this.#tasks.map((task) => task.accountId),
      ];
      statements.push(this.#statement('insert_tasks', INSERT_TASKS, columns.map(textArray)));
    }
    const kept = this.#waitingOf([...this.#waits].filter((key) => !this.#arrived.has(key)));
    if (kept.length > 0) {
      const columns = [kept.map((each) => each.tenant), kept.map((each) => each.taskId), kept.map((each) => JSON.stringify(each.entries))];
      statements.push(this.#statement('upsert_waiting', UPSERT_WAITING, columns.map(textArray)));
    }
    const gone = this.#waitingOf([...this.#arrived]).filter((each) => each.isStored);
    if (gone.length > 0) {
      const values = [textArray(gone.map(({ tenant }) => tenant)), textArray(gone.map(({ taskId }) => taskId))];
      statements.push(this.#statement('delete_waiting', DELETE_WAITING, values));
    }
    return statements;
  }

  #waitingOf(keys: readonly string[]): Waiting[] {
    return keys.map((key) => this.#waiting?.get(key)).filter((each) => each !== undefined);
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `user_timeline_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }

  committed(): void {
    for (const waiting of this.#waitingOf([...this.#waits])) waiting.isStored = true;
    for (const key of this.#arrived) this.#waiting?.delete(key);
    this.#forget();
    for (const key of this.#owners.keys()) {
      if (this.#owners.size <= TASKS_MAX) break;
      this.#owners.delete(key);
    }
  }

  /** Whose a task is stays known: the log has said so, whatever became of the rows. */
  aborted(): void {
    this.#waiting = null;
    this.#forget();
  }

  #forget(): void {
    this.#rows = [];
    this.#tasks = [];
    this.#waits = new Set();
    this.#arrived = new Set();
  }
}

function columnsOf(rows: readonly Row[]): unknown[] {
  return [
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map((row) => row.userId)),
    textArray(rows.map((row) => row.position)),
    intArray(rows.map((row) => row.ordinal)),
    instantArray(rows.map((row) => row.at)),
    textArray(rows.map((row) => row.kind)),
    textArray(rows.map((row) => row.accountId)),
    textArray(rows.map((row) => row.taskId)),
    textArray(rows.map((row) => row.type)),
    textArray(rows.map((row) => row.summary)),
    bigintArray(rows.map((row) => row.credits)),
    textArray(rows.map((row) => row.eventId)),
  ];
}

function keyOf(tenant: string, taskId: string): string {
  return `${tenant} ${taskId}`;
}

function isSubmission(fact: StoredFact): boolean {
  return fact.type === 'TaskSubmitted' || fact.type === 'TaskRejected';
}

/** Every task that the fact speaks of; none for what is of no task. */
function tasksNamedBy(fact: StoredFact): string[] {
  if (fact.stream.startsWith('task-')) return [parseStream(fact.stream).id];
  if (!fact.stream.startsWith('account-')) return [];
  const { reservations, taskId, goodwill } = fact.data as {
    reservations?: Array<{ taskId: string }>;
    taskId?: string | null;
    goodwill?: { taskId: string } | null;
  };
  if (reservations !== undefined) return reservations.map((reservation) => reservation.taskId);
  if (typeof taskId === 'string') return [taskId];
  return goodwill === undefined || goodwill === null ? [] : [goodwill.taskId];
}

export const userTimeline: ReadModel = {
  name: 'user-timeline',
  codeVersion: 1,
  relations: ['user_timeline', 'user_task', 'user_waiting'],
  incidental: ['user_waiting'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new UserTimelineProjection(version),
};
