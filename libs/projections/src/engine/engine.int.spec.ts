import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { migrate, readMigrations } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { Harness } from '../testing/harness.js';
import { ManualClock, START, World } from '../testing/world.js';

describe('smoke', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false });
    await migrate(
      database.url,
      readMigrations().filter(({ name }) => /^(0001|0004)/.test(name)),
    );
  });
  afterAll(() => database.drop());

  it('projects a life', async () => {
    const clock = new ManualClock(START);
    const store = new MemoryEventStore(clock);
    const world = new World(store, clock);
    const harness = new Harness(store, database.pool, clock);
    await world.open('acc_1');
    const taskId = await world.submit('acc_1', { credits: 70 });
    await world.run(taskId, '0.5');
    await world.submit('acc_1', { credits: 70_000 });
    harness.engine.start();
    await harness.caughtUp();
    const who = { tenant: 't1', accounts: null };
    console.log(
      JSON.stringify(
        [
          await harness.reads.balance(who, 'acc_1', START),
          await harness.reads.account(who, 'acc_1'),
          await harness.reads.grants(who, 'acc_1', { limit: 10, cursor: null }),
          await harness.reads.task(who, taskId),
          await harness.reads.tasks(who, { limit: 10, cursor: null }),
          await harness.reads.tasks(who, { limit: 10, cursor: null, status: 'rejected' }),
          await harness.reads.movements(who, 'acc_1', { limit: 10, cursor: null, order: 'asc' }),
          await harness.reads.receipt(who, taskId),
          await harness.reads.status(),
          await harness.reads.totals(),
        ],
        null,
        1,
      ),
    );
    await harness.engine.stop();
    expect(harness.errors).toEqual([]);
  });
});
