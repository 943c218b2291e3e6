// 4 project · movements: one row per signed change of a grant, as finance reads it; run by the projection engine.
import type { StoredFact } from '#libs/event-store';
import { effectiveAtOf, type JournalFact } from '#libs/finance';
import { bigintArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { KeptClosures } from '../engine/kept-closures.js';
import { type Projection, type ReadModel, type ReadRows, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { ADD_DAYS, dayValues, heldChangeOf } from './days.js';
import { type Movement, movementsOf } from './movements-of.js';

const INSERT = `
  INSERT INTO movement_vN (stream, recorded_at, position, ordinal, effective_at, type, bucket, grant_id, credits, consumed, available_before,
                           available_after, held, task_id, reason, actor, event_id, causation_id, correlation_id)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::int[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::int8[],
                       $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])`;

class MovementsProjection implements Projection {
  #movements: Movement[] = [];
  readonly #closures: KeptClosures;

  constructor(private readonly version: number) {
    this.#closures = new KeptClosures('movement_closed', 'movements', version);
  }

  /** Facts carry the counters around every movement; only how far the books are closed has to be looked up, once. */
  async load(_facts: readonly StoredFact[], read: ReadRows): Promise<void> {
    await this.#closures.load(read);
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) {
      if (fact.stream.startsWith('account-')) this.#foldAccount(fact);
      else this.#closures.fold(fact);
    }
  }

  write(): Statement[] {
    const statements: Statement[] = [];
    if (this.#movements.length > 0) {
      statements.push(this.#insert(), this.#statement('add_days', ADD_DAYS, dayValues(this.#movements)));
    }
    statements.push(...this.#closures.write());
    return statements;
  }

  /** A movement takes effect when its postings do. */
  #foldAccount(stored: StoredFact): void {
    const first = this.#movements.length;
    movementsOf(stored, this.#movements);
    if (this.#movements.length === first) return;
    const falls = effectiveAtOf(stored as unknown as JournalFact, stored.recordedAt);
    const { effectiveAt } = this.#closures.date(stored.tenant, falls, stored.recordedAt);
    for (let index = first; index < this.#movements.length; index += 1) (this.#movements[index] as Movement).effectiveAt = effectiveAt;
  }

  #insert(): Statement {
    const rows = this.#movements;
    const values = [
      textArray(rows.map((row) => row.fact.stream)),
      instantArray(rows.map((row) => row.fact.recordedAt)),
      textArray(rows.map((row) => row.fact.position)),
      intArray(rows.map((row) => row.ordinal)),
      instantArray(rows.map((row) => row.effectiveAt)),
      textArray(rows.map((row) => row.type)),
      textArray(rows.map((row) => row.bucket)),
      textArray(rows.map((row) => row.grantId)),
      bigintArray(rows.map((row) => row.credits)),
      bigintArray(rows.map((row) => row.consumed)),
      bigintArray(rows.map((row) => row.availableBefore)),
      bigintArray(rows.map((row) => row.availableAfter)),
      bigintArray(rows.map(heldChangeOf)),
      textArray(rows.map((row) => row.taskId)),
      textArray(rows.map((row) => row.reason)),
      textArray(rows.map((row) => row.fact.actor)),
      textArray(rows.map((row) => row.fact.id)),
      textArray(rows.map((row) => row.fact.causationId)),
      textArray(rows.map((row) => row.fact.correlationId)),
    ];
    return this.#statement('insert', INSERT, values);
  }

  #statement(name: string, text: string, values: unknown[]): Statement {
    return { name: `movements_v${this.version}_${name}`, text: versioned(text, this.version), values };
  }

  committed(): void {
    this.#movements = [];
    this.#closures.committed();
  }

  aborted(): void {
    this.#movements = [];
    this.#closures.aborted();
  }
}

export const movements: ReadModel = {
  name: 'movements',
  codeVersion: 2,
  relations: ['movement', 'movement_total', 'movement_closed'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new MovementsProjection(version),
};
