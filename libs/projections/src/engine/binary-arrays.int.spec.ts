import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { bigintArray, boolArray, instantArray, intArray, textArray } from './binary-arrays.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
});
afterAll(() => database.drop());

async function sent(type: string, array: Buffer): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ values: unknown[] }>(`SELECT $1::${type}[] AS values`, [array]);
  return rows[0]?.values ?? [];
}

describe('arrays in binary form arrive as they were', () => {
  it.each([
    ['nothing', []],
    ['ASCII with an empty text and a NULL', ['a', '', null, 'task-t1.task_0']],
    ['texts of any language', ['žluťoučký', null, '動画', '🎬', 'plain', '']],
  ])('text: %s', async (_what, values) => {
    expect(await sent('text', textArray(values))).toEqual(values);
  });

  it('whole numbers to the edge of what is exact, negative ones and NULL', async () => {
    const values = [0, -1, 1, 4_294_967_296, -4_294_967_297, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, null];
    expect(await sent('int8', bigintArray(values))).toEqual(values.map((value) => (value === null ? null : String(value))));
  });

  it('instants before and after 2000, to the millisecond', async () => {
    const values = [Date.parse('1969-07-20T20:17:40.123Z'), Date.parse('2026-11-21T20:28:26.999Z'), null];
    expect(await sent('timestamptz', instantArray(values))).toEqual(values.map((value) => (value === null ? null : new Date(value))));
  });

  it('integers and booleans', async () => {
    expect(await sent('int4', intArray([-5, 0, 2_147_483_647]))).toEqual([-5, 0, 2_147_483_647]);
    expect(await sent('bool', boolArray([true, false]))).toEqual([true, false]);
  });
});
