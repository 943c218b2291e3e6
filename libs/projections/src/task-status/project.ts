// 4 project · task-status: folds a task's own facts and its account's into one row, so that a life costs one to three writes; run by the engine.
import type { StoredFact } from '#libs/event-store';
import type { Projection, ReadModel, ReadRows, Statement } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { rowOf, selectRows, type StoredTaskRow, writeRows, writeTotals } from './rows.js';
import { foldLedgerPart, foldTaskFact, isAtRest, ledgerPartsOf, newRow, taskStreamOf, type TaskRow } from './task-row.js';

/** Tasks on their way that are kept in memory; others are read when a fact names them. */
const ROWS_MAX = 10_000;

class TaskStatusProjection implements Projection {
  /** Least recently changed first. Exactly what the table holds, except for rows in #changed. */
  readonly #rows = new Map<string, TaskRow>();
  readonly #changed = new Set<TaskRow>();

  constructor(private readonly version: number) {}

  async load(facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    const begun = new Set<string>();
    const missing = new Set<string>();
    for (const fact of facts) {
      for (const { stream, isNew } of tasksOf(fact)) {
        if (isNew) begun.add(stream);
        else if (!begun.has(stream) && !this.#rows.has(stream)) missing.add(stream);
      }
    }
    if (missing.size === 0) return;
    for (const stored of await read<StoredTaskRow>(selectRows(this.version, [...missing]))) this.#rows.set(stored.stream, rowOf(stored));
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) {
      if (fact.stream.startsWith('task-')) foldTaskFact(this.#row(fact.stream, ''), fact);
      else if (fact.stream.startsWith('account-')) this.#foldAccountFact(fact);
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

  #foldAccountFact(fact: StoredFact): void {
    for (const part of ledgerPartsOf(fact)) {
      const row = this.#row(taskStreamOf(fact.stream, part.taskId), accountIdOf(fact.stream));
      foldLedgerPart(row, part, fact.position);
    }
  }

  #row(stream: string, accountId: string): TaskRow {
    let row = this.#rows.get(stream);
    if (row === undefined) this.#rows.set(stream, (row = newRow(stream, accountId)));
    this.#changed.add(row);
    return row;
  }
}

/** The tasks that a fact speaks of; `isNew` where nothing can have been known of it before. */
function tasksOf(fact: StoredFact): Array<{ stream: string; isNew: boolean }> {
  if (fact.stream.startsWith('task-')) return [{ stream: fact.stream, isNew: fact.type === 'TaskRejected' }];
  if (!fact.stream.startsWith('account-')) return [];
  return ledgerPartsOf(fact).map((part) => ({
    stream: taskStreamOf(fact.stream, part.taskId),
    isNew: part.kind === 'reserved' && part.isFirst,
  }));
}

function accountIdOf(stream: string): string {
  return stream.slice(stream.indexOf('.') + 1);
}

export const taskStatus: ReadModel = {
  name: 'task-status',
  codeVersion: 1,
  relations: ['task', 'task_total'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new TaskStatusProjection(version),
};
