// 4 project · task-status: folds a task's own facts and its account's into one row, so that a life costs one to three writes; run by the engine.
import { type StoredFact, tenantStream } from '#libs/event-store';
import type { Projection, ReadModel, ReadRows, Statement } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { rowOf, selectRows, type StoredTaskRow, writeRows, writeTotals } from './rows.js';
import { foldLedgerPart, foldTaskFact, isAtRest, type LedgerPart, ledgerPartsOf, newRow, type TaskRow } from './task-row.js';

/** Tasks on their way that are kept in memory; others are read when a fact names them. */
const ROWS_MAX = 10_000;

class TaskStatusProjection implements Projection {
  /** Least recently changed first. Exactly what the table holds, except for rows in #changed. */
  readonly #rows = new Map<string, TaskRow>();
  readonly #changed = new Set<TaskRow>();
  #steps: Step[] = [];

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    const begun = new Set<string>();
    const missing = new Set<string>();
    this.#steps = facts.flatMap(stepsOf);
    for (const { stream, isNew } of this.#steps) {
      if (isNew) begun.add(stream);
      else if (!this.#rows.has(stream) && !begun.has(stream)) missing.add(stream);
    }
    if (missing.size === 0) return;
    for (const stored of await read<StoredTaskRow>(selectRows(this.version, [...missing]))) this.#rows.set(stored.stream, rowOf(stored));
  }

  fold(): void {
    for (const { stream, fact, part } of this.#steps) {
      const row = this.#row(stream, fact);
      if (part === null) foldTaskFact(row, fact);
      else foldLedgerPart(row, part, fact.position);
    }
  }

  write(): Statement[] {
    const rows = [...this.#changed];
    return [...writeRows(this.version, rows), ...writeTotals(this.version, rows)];
  }

  committed(): void {
    for (const row of this.#changed) {
      row.stored = row.createdPosition === null ? 'hidden' : 'shown';
      row.counted = row.createdPosition === null ? null : row.state.status;
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

  #row(stream: string, fact: StoredFact): TaskRow {
    let row = this.#rows.get(stream);
    if (row === undefined) this.#rows.set(stream, (row = newRow(stream, fact)));
    this.#changed.add(row);
    return row;
  }
}

/** What a fact says of one task: all of it where the fact is the task's own, a part where it is its account's. */
interface Step {
  stream: string;
  fact: StoredFact;
  part: LedgerPart | null;
  /** Nothing can have been known of the task before. */
  isNew: boolean;
}

function stepsOf(fact: StoredFact): Step[] {
  if (fact.stream.startsWith('task-')) return [{ stream: fact.stream, fact, part: null, isNew: fact.type === 'TaskRejected' }];
  if (!fact.stream.startsWith('account-')) return [];
  return ledgerPartsOf(fact).map((part) => ({
    stream: tenantStream('task', fact.tenant, part.taskId),
    fact,
    part,
    isNew: part.kind === 'reserved' && part.isFirst,
  }));
}

export const taskStatus: ReadModel = {
  name: 'task-status',
  codeVersion: 1,
  relations: ['task', 'task_total'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new TaskStatusProjection(version),
};
