import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { Harness } from '../testing/harness.js';
import { ManualClock, START, World } from '../testing/world.js';
import { Rebuilds } from './rebuild.postgres.js';

let database: TestDatabase;
let world: World;
let harness: Harness;
let rebuilds: Rebuilds;

beforeEach(async () => {
  database = await createTestDatabase();
  const clock = new ManualClock(START);
  const store = new MemoryEventStore(clock);
  world = new World(store, clock);
  harness = new Harness(store, database.pool, clock, { engine: { batchSizeMax: 7 } });
  harness.engine.start();
  rebuilds = new Rebuilds(harness.engine, store, database.pool, READ_MODEL_LIST);
  await world.open('acc_1');
  for (let n = 0; n < 6; n += 1) await world.run(await world.submit('acc_1', { credits: 7 }), n % 2 === 0 ? '1' : '0.5');
  await harness.caughtUp();
});
afterEach(async () => {
  await harness.engine.stop();
  await database.drop();
});

const versions = async (name: string): Promise<Array<[number, string]>> =>
  (await harness.engine.registry.versions()).filter((row) => row.name === name).map(({ version, state }) => [version, state]);

describe('a read model on trial', () => {
  it.each(READ_MODEL_LIST.map(({ name }) => name))('%s: has the rows that the log makes', async (name) => {
    const seen: string[] = [];
    const report = await rebuilds.run(name, { diff: true, onProgress: ({ position }) => seen.push(position) });
    expect(report).toMatchObject({ name, switched: false, differing: 0, differences: [] });
    expect(report.position >= (await harness.store.head())).toBe(true);
    expect(seen.length).toBeGreaterThan(0);
    expect([...seen].sort()).toEqual(seen);
    // Nothing of the trial is left.
    expect(await versions(name)).toEqual([[1, 'active']]);
  });

  it('shows each row that is other than the log makes it, one that is missing, and one too many', async () => {
    await database.pool.query(`UPDATE movement SET credits = credits - 1, available_after = available_after - 1 WHERE credits = -7`);
    const changed = await rebuilds.run('movements', { diff: true });
    expect(changed.differing).toBeGreaterThan(0);
    expect(changed.differences[0]).toMatchObject({
      table: 'movement',
      expected: expect.stringContaining('"credits": -7'),
      actual: expect.stringContaining('"credits": -8'),
    });

    await database.pool.query(`DELETE FROM task WHERE task_id = (SELECT min(task_id) FROM task)`);
    const missing = await rebuilds.run('task-status', { diff: true });
    expect(missing).toMatchObject({ differing: 1, differences: [{ table: 'task', actual: null }] });

    await database.pool.query(`INSERT INTO movement SELECT (m).* FROM (SELECT m FROM movement AS m LIMIT 1) AS one ON CONFLICT DO NOTHING`);
    expect((await rebuilds.run('movements', { diff: true })).differing).toBe(changed.differing);
  });

  it('compares at one position while facts keep coming in', async () => {
    const busy = (async () => {
      for (let n = 0; n < 100; n += 1) {
        await world.run(await world.submit('acc_1', { credits: 1 }), '1');
        // The memory store never waits for anything: without this nobody else would get a turn.
        await new Promise(setImmediate);
      }
    })();
    const report = await rebuilds.run('balance-by-account', { diff: true });
    await busy;
    expect(report.differences).toEqual([]);
    expect(report.differing).toBe(0);
  });

  it('is switched in where asked for, and what it replaces is dropped with the next rebuild', async () => {
    await database.pool.query(`UPDATE movement SET credits = credits - 1, available_after = available_after - 1 WHERE credits = -7`);
    expect(await rebuilds.run('movements', { diff: false })).toMatchObject({ switched: true, version: 2 });
    expect(await versions('movements')).toEqual([
      [1, 'retired'],
      [2, 'active'],
    ]);
    expect((await rebuilds.run('movements', { diff: true })).differing).toBe(0);
    expect(await versions('movements')).toEqual([[2, 'active']]);
  });

  it('is refused where there is no such read model', async () => {
    await expect(rebuilds.run('nothing', { diff: true })).rejects.toThrow('there is no read model nothing: there are balance-by-account');
  });
});
