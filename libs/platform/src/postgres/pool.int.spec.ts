import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const patient = (): { databaseUrl: string; connectTimeoutMs: number } => ({ databaseUrl: database.url, connectTimeoutMs: 60_000 });

describe('a pool', () => {
  it('survives connections that the server ends, idle or in use, tells of them, and serves again', async () => {
    const errors: Error[] = [];
    const pool = createPool({ ...patient(), applicationName: 'cut-off', onError: (error) => errors.push(error) });
    const used = await pool.connect();
    let isUsedCut = false;
    used.on('error', () => (isUsedCut = true));
    await pool.query('SELECT 1');
    await database.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut-off'`);
    // The server may say it and cut the line in two steps, and the pool drops an idle connection at its first word.
    await until(() => errors.length >= 2 && isUsedCut && pool.idleCount === 0);
    used.release(true);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('cuts off a statement that takes too long', async () => {
    const pool = createPool({ ...patient(), statementTimeoutMs: 50 });
    await expect(pool.query('SELECT pg_sleep(60)')).rejects.toThrow('statement timeout');
    await pool.end();
  });

  it('cuts off a transaction that idles', async () => {
    const pool = createPool({ ...patient(), idleInTransactionTimeoutMs: 50 });
    const client = await pool.connect();
    // Heard also where it comes together with the answer to BEGIN.
    const cut = new Promise((resolve) => client.once('error', resolve));
    await client.query('BEGIN');
    await cut;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release(true);
    await pool.end();
  });
});
