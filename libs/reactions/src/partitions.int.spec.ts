import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ALL_PARTITIONS, DueRows, PARTITION_COUNT, partitionLease, partitionOf } from '#libs/reactions';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';

const MIGRATIONS = join(import.meta.dirname, '..', '..', '..', 'infra', 'postgres', 'migrations');
const INTRODUCTION = '0009_orchestrator_partitions.sql';

describe('the partition of an account', () => {
  it('is one of all, and they share the accounts evenly', () => {
    const counts = new Map<number, number>();
    for (let n = 0; n < 16_000; n += 1) {
      const partition = partitionOf('acme', `acc_${n}`);
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(ALL_PARTITIONS);
    expect(Math.min(...counts.values())).toBeGreaterThan(800);
    expect(Math.max(...counts.values())).toBeLessThan(1_200);
  });

  it('never changes', () => {
    expect(['acc_1', 'acc_2', 'äöü', ''].map((id) => partitionOf('acme', id))).toEqual(KNOWN);
  });
});

/** Of a release that has run: rows were placed by it. */
const KNOWN = [7, 5, 5, 11];

describe('an upgrade of a database that has run with one owner of everything', () => {
  let database: TestDatabase;
  const accounts = fc.sample(
    fc.record({ tenant: fc.constantFrom('acme', 'default'), id: fc.stringMatching(/^[a-zA-Z0-9_äß-]{1,20}$/) }),
    50,
  );

  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
    const { pool } = database;
    for (const file of readdirSync(MIGRATIONS)
      .sort()
      .filter((name) => name < INTRODUCTION))
      await pool.query(readFileSync(join(MIGRATIONS, file), 'utf8'));
    await pool.query("UPDATE orchestrator_checkpoint SET position = '00000000000000ab'");
    await pool.query(`INSERT INTO leases VALUES ('orchestrator', 'an old process', 7, clock_timestamp() + interval '1 hour')`);
    for (const [n, { tenant, id }] of accounts.entries()) {
      await pool.query('INSERT INTO live_tasks VALUES ($1, $2, $3, $4, 900, false, $5)', [`task_${n}`, tenant, id, n, n % 2 === 0]);
      await pool.query('INSERT INTO due_accounts VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [tenant, id, n]);
    }
    await pool.query(readFileSync(join(MIGRATIONS, INTRODUCTION), 'utf8'));
  });
  afterAll(() => database.drop());

  it('places every row where its account belongs, loses none, and begins every partition at the old checkpoint', async () => {
    const { rows: tasks } = await database.pool.query<{ tenant: string; account_id: string; partition: number }>(
      'SELECT * FROM live_tasks',
    );
    const { rows: dues } = await database.pool.query<{ tenant: string; account_id: string; partition: number }>(
      'SELECT * FROM due_accounts',
    );
    expect(tasks).toHaveLength(accounts.length);
    expect(dues).toHaveLength(new Set(accounts.map(({ tenant, id }) => `${tenant}.${id}`)).size);
    for (const row of [...tasks, ...dues]) expect(row.partition).toBe(partitionOf(row.tenant, row.account_id));
    const { rows: partitions } = await database.pool.query('SELECT partition, position FROM orchestrator_partitions ORDER BY partition');
    expect(partitions).toEqual(ALL_PARTITIONS.map((partition) => ({ partition, position: '00000000000000ab' })));
  });

  it('ends the ownership of the process before it, and hands what that had in memory to the partitions’ owners', async () => {
    expect((await database.pool.query("SELECT 1 FROM leases WHERE name = 'orchestrator'")).rowCount).toBe(0);
    const rows = new DueRows(database.pool);
    await database.pool.query(
      `INSERT INTO leases (name, owner, token, expires_at) SELECT name, 'me', 1, clock_timestamp() + interval '1 hour' FROM unnest($1::text[]) AS name`,
      [ALL_PARTITIONS.map(partitionLease)],
    );
    const holds = ALL_PARTITIONS.map((partition) => ({ partition, token: '1' }));
    expect((await rows.takeOver(holds)).size).toBe(PARTITION_COUNT);
    expect(await rows.parkedTasks(1_000, 1_000)).toHaveLength(accounts.length);
    // What lay in memory is due at once.
    expect(await rows.parkedTasks(0, 1_000)).toHaveLength(accounts.length / 2 + 1);
  });
});

describe('the rows of a partition', () => {
  let database: TestDatabase;
  const START = '0000000000000000';
  const changes = (taskId: string) => ({
    upserts: [{ taskId, tenant: 'acme', accountId: 'a', dueAt: 1, timesOutAt: 2, isSettled: false, isParked: true }],
    deletions: [],
    lowered: [],
    booked: [],
  });

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.pool.query(
      `INSERT INTO leases (name, owner, token, expires_at) VALUES ('orchestrator/1', 'me', 5, clock_timestamp() + interval '1 hour'),
              ('orchestrator/2', 'me', 9, clock_timestamp() + interval '1 hour')`,
    );
  });
  afterAll(() => database.drop());

  it('are written only under the token of its lease, and those of another partition beside it all the same', async () => {
    const rows = new DueRows(database.pool);
    const written = await rows.write([
      { partition: 1, token: '4', from: START, to: '0000000000000005', changes: changes('stale') },
      { partition: 2, token: '9', from: START, to: '0000000000000005', changes: changes('fresh') },
    ]);
    expect([...written]).toEqual([2]);
    expect((await rows.parkedTasks(10, 10)).map(({ taskId }) => taskId)).toEqual(['fresh']);
    expect((await rows.outstanding(0)).position).toBe(START);
  });

  it('are not written from a checkpoint that has moved on', async () => {
    const rows = new DueRows(database.pool);
    expect([...(await rows.write([{ partition: 2, token: '9', from: START, to: '0000000000000009', changes: changes('again') }]))]).toEqual(
      [],
    );
    expect((await rows.parkedTasks(10, 10)).map(({ taskId }) => taskId)).toEqual(['fresh']);
  });
});
