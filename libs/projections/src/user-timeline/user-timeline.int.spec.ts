import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { Rebuilds } from '../engine/rebuild.postgres.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { Harness } from '../testing/harness.js';
import { ManualClock, START, World } from '../testing/world.js';
import type { TimelineEntryView } from '../read-models.port.js';

const WHO = { tenant: 't1', accounts: null };
const USER = 'Ada ✓';

let database: TestDatabase;
let store: MemoryEventStore;
let clock: ManualClock;
let world: World;
let harness: Harness;

beforeEach(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(START);
  store = new MemoryEventStore(clock);
  world = new World(store, clock);
});
afterEach(async () => {
  await harness.engine.stop();
  await database.drop();
});

async function lives(): Promise<string[]> {
  await world.open('acc_1');
  await world.open('acc_2');
  const done = await world.submit('acc_1', { credits: 70, userId: USER });
  await world.submit('acc_1', { credits: 70, userId: 'somebody else' });
  const nobodys = await world.submit('acc_1', { credits: 70 });
  await world.run(done, '0.5');
  await world.run(nobodys, '1');
  const refused = await world.submit('acc_2', { credits: 1_000_000, userId: USER });
  const cancelled = await world.submit('acc_2', { credits: 30, userId: USER });
  await world.task(cancelled, { type: 'RequestCancellation', reason: null });
  await world.settle(cancelled);
  return [done, refused, cancelled];
}

function project(batchSizeMax: number): Promise<void> {
  harness = new Harness(store, database.pool, clock, { engine: { batchSizeMax } });
  harness.engine.start();
  return harness.caughtUp();
}

async function all(limit: number): Promise<TimelineEntryView[]> {
  const found: TimelineEntryView[] = [];
  for (let cursor: string | null = null; ;) {
    const page = await harness.reads.userHistory(WHO, USER, { limit, cursor });
    found.push(...(page?.data ?? []));
    cursor = page?.nextCursor ?? null;
    if (cursor === null) return found;
  }
}

describe("a user's timeline", () => {
  it.each([1, 1_000])('has every task, decision and movement of the user and of nobody else (batches of %d)', async (batchSizeMax) => {
    const [done, refused, cancelled] = await lives();
    await project(batchSizeMax);
    const rows = await all(200);
    expect(harness.errors).toEqual([]);
    expect(new Set(rows.map((row) => row.taskId))).toEqual(new Set([done, refused, cancelled]));
    const of = (taskId: string | undefined) =>
      rows.filter((row) => row.taskId === taskId).map(({ kind, type, credits, accountId }) => [kind, type, credits, accountId]);
    expect(of(refused)).toEqual([
      ['decision', 'TaskRejected', 1_000_000, 'acc_2'],
      ['task', 'TaskRejected', 1_000_000, 'acc_2'],
    ]);
    expect(of(cancelled).reverse()).toEqual([
      ['decision', 'CreditsReserved', 30, 'acc_2'],
      ['movement', 'reserved', -30, 'acc_2'],
      ['task', 'TaskSubmitted', 30, 'acc_2'],
      ['task', 'TaskCancellationRequested', 0, 'acc_2'],
      ['task', 'TaskCancelled', 0, 'acc_2'],
      ['decision', 'CreditsRefunded', 30, 'acc_2'],
      ['movement', 'refunded', 30, 'acc_2'],
    ]);
    const { rows: waiting } = await database.pool.query('SELECT 1 FROM user_waiting');
    expect(waiting).toEqual([]);
  });

  it('is paged without loss, newest first, and bounded by what a key may see', async () => {
    await lives();
    await project(7);
    const rows = await all(200);
    expect(await all(3)).toEqual(rows);
    expect(rows.map((row) => row.position)).toEqual(
      [...rows]
        .map((row) => row.position)
        .sort()
        .reverse(),
    );
    const bound = await harness.reads.userHistory({ tenant: 't1', accounts: ['acc_2'] }, USER, { limit: 200, cursor: null });
    expect(new Set(bound?.data.map((row) => row.accountId))).toEqual(new Set(['acc_2']));
    for (const [who, user] of [
      [WHO, 'Ada'],
      [WHO, 'a\0'],
      [{ tenant: 'other', accounts: null }, USER],
      [{ tenant: 't1', accounts: ['acc_9'] }, USER],
    ] as const)
      expect(await harness.reads.userHistory(who, user, { limit: 1, cursor: null })).toBeNull();
  });

  it('has the rows that the log makes, however the batches fell', async () => {
    await lives();
    await project(1);
    await harness.engine.stop();
    await project(1_000);
    const report = await new Rebuilds(harness.engine, store, database.pool, READ_MODEL_LIST).run('user-timeline', { diff: true });
    expect(report).toMatchObject({ differing: 0, differences: [] });
  });
});
