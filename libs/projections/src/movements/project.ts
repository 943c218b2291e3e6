// 4 project · movements: one row per signed change of a grant, as finance reads it; run by the projection engine.
import type { StoredFact } from '#libs/event-store';
import { bigintArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { type Projection, type ReadModel, type Statement, versioned } from '../engine/read-model.port.js';
import { readSql } from '../engine/sql-file.js';
import { type Movement, movementsOf } from './movements-of.js';

const INSERT = `
  INSERT INTO movement_vN (stream, recorded_at, position, ordinal, effective_at, type, bucket, grant_id, credits, consumed, available_before,
                           available_after, task_id, reason, actor, event_id, causation_id, correlation_id)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::int[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::int8[],
                       $10::int8[], $11::int8[], $12::int8[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[])`;

class MovementsProjection implements Projection {
  #movements: Movement[] = [];

  constructor(private readonly version: number) {}

  async load(): Promise<void> {
    // Facts carry the counters around every movement, so nothing has to be looked up.
  }

  fold(facts: readonly StoredFact[]): void {
    for (const fact of facts) if (fact.stream.startsWith('account-')) movementsOf(fact, this.#movements);
  }

  write(): Statement[] {
    const rows = this.#movements;
    if (rows.length === 0) return [];
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
      textArray(rows.map((row) => row.taskId)),
      textArray(rows.map((row) => row.reason)),
      textArray(rows.map((row) => row.fact.actor)),
      textArray(rows.map((row) => row.fact.id)),
      textArray(rows.map((row) => row.fact.causationId)),
      textArray(rows.map((row) => row.fact.correlationId)),
    ];
    return [{ name: `movements_v${this.version}_insert`, text: versioned(INSERT, this.version), values }];
  }

  committed(): void {
    this.#movements = [];
  }

  aborted(): void {
    this.#movements = [];
  }
}

export const movements: ReadModel = {
  name: 'movements',
  codeVersion: 1,
  relations: ['movement'],
  tableSql: readSql(import.meta.dirname, 'table.sql'),
  open: (version) => new MovementsProjection(version),
};
