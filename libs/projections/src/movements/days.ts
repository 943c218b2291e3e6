// 4 project · what a batch's movements add up to, by day of their account: the lines of statements; called by project.ts.
import { dayOf, dayStart } from '#libs/finance';
import { bigintArray, textArray } from '../engine/binary-arrays.js';
import type { Movement } from './movements-of.js';

export const ADD_DAYS = `
  INSERT INTO movement_total_vN AS o (stream, starts_on, type, bucket, count, credits, consumed, held)
  SELECT t.stream, t.starts_on::date, t.type, t.bucket, t.count, t.credits, t.consumed, t.held
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
         AS t(stream, starts_on, type, bucket, count, credits, consumed, held)
  ON CONFLICT (stream, starts_on, type, bucket) DO UPDATE
     SET count = o.count + excluded.count, credits = o.credits + excluded.credits, consumed = o.consumed + excluded.consumed,
         held = o.held + excluded.held`;

interface Line {
  stream: string;
  day: number;
  type: string;
  bucket: string;
  count: number;
  credits: number;
  consumed: number;
  held: number;
}

/** By which the grant's bucket's held credits change; goodwill comes from what was consumed, everything else that is refunded from a hold. */
export function heldChangeOf({ type, credits, consumed, fact }: Pick<Movement, 'type' | 'credits' | 'consumed' | 'fact'>): number {
  if (type === 'reserved') return -credits;
  if (type === 'consumed') return -consumed;
  if (type !== 'refunded') return 0;
  const isOfHold = fact.type === 'CreditsConsumed' || (fact.type === 'CreditsRefunded' && fact.data['kind'] === 'hold');
  return isOfHold ? -credits : 0;
}

/** The values of ADD_DAYS. */
export function dayValues(movements: readonly Movement[]): unknown[] {
  const lines = new Map<string, Line>();
  for (const movement of movements) {
    const { effectiveAt, type, bucket, credits, consumed } = movement;
    const { stream } = movement.fact;
    const held = heldChangeOf(movement);
    const day = dayStart(effectiveAt);
    const key = `${stream} ${day} ${type} ${bucket}`;
    let line = lines.get(key);
    if (line === undefined) lines.set(key, (line = { stream, day, type, bucket, count: 0, credits: 0, consumed: 0, held: 0 }));
    line.count += 1;
    line.credits += credits;
    line.consumed += consumed;
    line.held += held;
  }
  const rows = [...lines.values()];
  return [
    textArray(rows.map((row) => row.stream)),
    textArray(rows.map((row) => dayOf(row.day))),
    textArray(rows.map((row) => row.type)),
    textArray(rows.map((row) => row.bucket)),
    bigintArray(rows.map((row) => row.count)),
    bigintArray(rows.map((row) => row.credits)),
    bigintArray(rows.map((row) => row.consumed)),
    bigintArray(rows.map((row) => row.held)),
  ];
}
