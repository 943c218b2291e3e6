// 4 project · attempts: folds a task with a brief, its account's facts and its clip's into one row, and what changed of it into cells; run by the engine.
import { parseStream, type StoredFact, tenantStream } from '#libs/event-store';
import { clipIdOf } from '#libs/studio';
import type { TaskFact } from '#libs/tasks';
import type { Projection, ReadModel, ReadRows, Statement } from '../../engine/read-model.port.js';
import { readSql } from '../../engine/sql-file.js';
import {
  type AttemptRow,
  clipAttempt,
  foldClipFact,
  foldCosts,
  foldTaskFact,
  isAtRest,
  submittedAttempt,
  TASK_FACTS,
} from './attempt-row.js';
import { type Change, contributionOf, isSame, writeCells } from './cells.js';
import { costedTask, costsOf } from './costs-of.js';
import { attemptRowOf, selectAttempts, type StoredAttempt, upsertAttempts } from './rows.js';

/** Attempts on their way that are kept in memory; others are read when a fact names them. */
const ROWS_MAX = 10_000;
/** Tasks on their way that are known to have no brief: their facts are passed over without a look at the table. */
const PLAIN_MAX = 100_000;

/** What a fact says of one attempt. */
interface Step {
  /** The attempt's: that of its clip. */
  stream: string;
  kind: 'submitted' | 'task' | 'clip' | 'costs';
  fact: StoredFact;
}

class AttemptsProjection implements Projection {
  /** Least recently changed first. Exactly what the table holds, except for rows in #changed. */
  readonly #rows = new Map<string, AttemptRow>();
  readonly #changed = new Set<AttemptRow>();
  /** By the stream that the attempt would have. A fact of the log: nothing that is given up makes it untrue. */
  readonly #plain = new Set<string>();
  #steps: Step[] = [];

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    const begun = new Set<string>();
    const missing = new Set<string>();
    this.#steps = [];
    for (const fact of facts) {
      const step = this.#step(fact);
      if (step === null) continue;
      this.#steps.push(step);
      const { stream, kind } = step;
      if (kind === 'submitted' || fact.type === 'AttemptImported') begun.add(stream);
      else if (!this.#rows.has(stream) && !begun.has(stream)) missing.add(stream);
    }
    if (missing.size === 0) return;
    for (const stored of await read<StoredAttempt>(selectAttempts(this.version, [...missing])))
      this.#rows.set(stored.stream, attemptRowOf(stored));
  }

  /** Null for what speaks of no attempt, as far as can be told without a look at the table. */
  #step(fact: StoredFact): Step | null {
    if (fact.stream.startsWith('task-')) return this.#taskStep(fact);
    if (fact.stream.startsWith('account-') || fact.stream.startsWith('billing-')) {
      const taskId = costedTask(fact);
      if (taskId === null) return null;
      const stream = attemptStream(fact.tenant, taskId);
      return this.#plain.has(stream) ? null : { stream, kind: 'costs', fact };
    }
    return fact.stream.startsWith('clip-') ? { stream: fact.stream, kind: 'clip', fact } : null;
  }

  #taskStep(fact: StoredFact): Step | null {
    const isSubmitted = fact.type === 'TaskSubmitted';
    if (!isSubmitted && !TASK_FACTS.has(fact.type)) return null;
    const stream = attemptStream(fact.tenant, parseStream(fact.stream).id);
    if (!isSubmitted) return this.#plain.has(stream) ? null : { stream, kind: 'task', fact };
    if (fact.data['brief'] !== undefined) return { stream, kind: 'submitted', fact };
    if (this.#plain.size >= PLAIN_MAX) for (const oldest of this.#plain) if (this.#plain.delete(oldest)) break;
    this.#plain.add(stream);
    return null;
  }

  fold(): void {
    for (const { stream, kind, fact } of this.#steps) {
      const known = this.#rows.get(stream);
      if (kind === 'submitted') this.#begin(stream, fact);
      else if (kind === 'clip') this.#foldClip(stream, known, fact);
      else if (known !== undefined) {
        if (kind === 'task') foldTaskFact(known.attempt, fact);
        else foldCosts(known.attempt, costsOf(fact));
        this.#touch(known, fact);
      }
    }
  }

  #begin(stream: string, fact: StoredFact): void {
    const { data } = fact as unknown as Extract<TaskFact, { type: 'TaskSubmitted' }>;
    if (data.brief === undefined) return;
    const attempt = submittedAttempt(parseStream(stream).id, data, data.brief);
    this.#touch({ stream, tenant: fact.tenant, position: fact.position, attempt, counted: null }, fact);
  }

  #foldClip(stream: string, known: AttemptRow | undefined, fact: StoredFact): void {
    if (fact.revision > 0) {
      if (known === undefined) throw new Error(`${stream} goes on without a beginning`);
      foldClipFact(known.attempt, fact);
      this.#touch(known, fact);
      return;
    }
    const attempt = clipAttempt(known?.attempt ?? null, fact);
    const row = known ?? { stream, tenant: fact.tenant, position: fact.position, attempt, counted: null };
    row.attempt = attempt;
    this.#touch(row, fact);
  }

  #touch(row: AttemptRow, { position }: StoredFact): void {
    row.position = position;
    this.#rows.set(row.stream, row);
    this.#changed.add(row);
  }

  write(): Statement[] {
    if (this.#changed.size === 0) return [];
    const rows = [...this.#changed];
    const changes: Array<Change & { tenant: string }> = [];
    for (const { tenant, attempt, counted } of rows) {
      const now = contributionOf(attempt);
      if (isSame(counted, now)) continue;
      if (counted !== null) changes.push({ tenant, sign: -1, of: counted });
      if (now !== null) changes.push({ tenant, sign: 1, of: now });
    }
    return [upsertAttempts(this.version, rows), ...writeCells(this.version, changes)];
  }

  committed(): void {
    for (const row of this.#changed) {
      row.counted = contributionOf(row.attempt);
      this.#rows.delete(row.stream);
      if (!isAtRest(row)) this.#rows.set(row.stream, row);
    }
    this.#changed.clear();
    for (const stream of this.#rows.keys()) {
      if (this.#rows.size <= ROWS_MAX) break;
      this.#rows.delete(stream);
    }
  }

  /** Rows were folded in place, so none of them can be trusted. */
  aborted(): void {
    this.#rows.clear();
    this.#changed.clear();
  }
}

function attemptStream(tenant: string, taskId: string): string {
  return tenantStream('clip', tenant, clipIdOf(taskId));
}

export const attempts: ReadModel = {
  name: 'attempts',
  codeVersion: 1,
  relations: ['attempt', 'attempt_cell', 'attempt_cell_money'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new AttemptsProjection(version),
};
