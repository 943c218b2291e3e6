import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { inTransaction } from './transaction.js';

describe('a transaction', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
    await database.pool.query('CREATE TABLE kept (n integer)');
  });
  afterAll(() => database.drop());
  const kept = async (): Promise<number[]> =>
    (await database.pool.query<{ n: number }>('SELECT n FROM kept ORDER BY n')).rows.map(({ n }) => n);

  it('keeps what was done, and answers what the work answered', async () => {
    expect(await inTransaction(database.pool, async (client) => (await client.query('INSERT INTO kept VALUES (1)')).rowCount)).toBe(1);
    expect(await kept()).toEqual([1]);
  });

  it('undoes everything where the work throws, and gives the connection back', async () => {
    const failing = inTransaction(database.pool, async (client) => {
      await client.query('INSERT INTO kept VALUES (2)');
      throw new Error('half-way');
    });
    await expect(failing).rejects.toThrow('half-way');
    expect(await kept()).toEqual([1]);
    expect([database.pool.totalCount, database.pool.idleCount]).toEqual([1, 1]);
  });

  it('throws what the work threw where the connection is lost, and gives that connection to nobody again', async () => {
    const lost = inTransaction(database.pool, async (client) => {
      client.on('error', () => undefined);
      await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(lost).rejects.toThrow(/terminating connection|Connection terminated/);
    expect(database.pool.totalCount).toBe(0);
    expect(await kept()).toEqual([1]);
  });

  it('is begun as it is asked to be', async () => {
    const writing = inTransaction(database.pool, (client) => client.query('INSERT INTO kept VALUES (3)'), 'BEGIN READ ONLY');
    await expect(writing).rejects.toThrow('read-only transaction');
    expect(await kept()).toEqual([1]);
  });
});
