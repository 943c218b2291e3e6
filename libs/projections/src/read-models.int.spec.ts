import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CachedCustomerKeys, MemoryEventStore, MemoryKeyVault, PostgresEventStore } from '#libs/event-store';
import { type Clock, fromIso, toIso } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { READ_MODEL_LIST } from './read-models.js';
import { InvalidCursor, type Page, type PageQuery, type Visibility } from './read-models.port.js';
import { ProjectedTaskLedgerFacts } from './receipts/query.postgres.js';
import { Harness } from './testing/harness.js';
import { ManualClock, START, World } from './testing/world.js';

const DAY_MS = 86_400_000;
const WHO: Visibility = { tenant: 't1', accounts: null };
const FIRST: PageQuery = { limit: 200, cursor: null };

let database: TestDatabase;
let clock: ManualClock;
let store: MemoryEventStore;
let world: World;
let keys: CachedCustomerKeys;
let harness: Harness;
/** A process that only reads. */
let other: Harness;

beforeAll(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(START);
  store = new MemoryEventStore(clock);
  world = new World(store, clock);
  keys = new CachedCustomerKeys(new MemoryKeyVault());
  harness = new Harness(store, database.pool, clock, { keys });
  other = new Harness(store, database.pool, clock, { keys });
  harness.engine.start();
});
afterAll(async () => {
  await harness.engine.stop();
  await database.drop();
});

/** All rows of a list, a page at a time; `between` runs after each page. */
async function walk<Row>(
  list: (page: PageQuery) => Promise<Page<Row> | null>,
  limit: number,
  between?: () => Promise<void>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = null; ;) {
    const page: Page<Row> = (await list({ limit, cursor })) ?? { data: [], nextCursor: null };
    rows.push(...page.data);
    cursor = page.nextCursor;
    if (cursor === null) return rows;
    await between?.();
  }
}

describe('a balance', () => {
  it('counts a lapsed grant as nothing from its very end on, whether or not that was booked', async () => {
    await world.open('acc_lapse', 'free');
    const expiresAt = START + 10 * DAY_MS;
    await world.account('acc_lapse', {
      type: 'GrantCredits',
      bucket: 'promotional',
      credits: 50,
      expiresAt,
      reference: 'promo',
      costBasis: null,
    });
    await harness.caughtUp();
    const before = await harness.reads.balance(WHO, 'acc_lapse', expiresAt - 1);
    const after = await harness.reads.balance(WHO, 'acc_lapse', expiresAt);
    expect(before).toMatchObject({ available: 250, held: 0, plan: 'free', asOf: toIso(expiresAt - 1) });
    expect(before?.grants.map(({ bucket, available }) => [bucket, available])).toEqual([
      ['subscription', 200],
      ['promotional', 50],
    ]);
    expect(after).toMatchObject({ available: 200, buckets: { promotional: { available: 0 }, subscription: { available: 200 } } });
    expect(after?.grants).toHaveLength(1);
    // The allowance lapses at the boundary in the same way; the next one is there once the reset is booked.
    const boundary = fromIso(before?.nextReset.at ?? '');
    expect(await harness.reads.balance(WHO, 'acc_lapse', boundary)).toMatchObject({ available: 0, nextReset: { allowance: 200 } });
  });

  it('is in memory what it is in the tables after every change, in this process and in another', async () => {
    await world.open('acc_hot');
    for (let round = 0; round < 12; round += 1) {
      await world.submit('acc_hot', { credits: 10 + round });
      await harness.caughtUp();
      const { state, revision } = world.accounts.get('acc_hot') ?? { state: null, revision: null };
      for (const reads of [harness.reads, other.reads]) {
        const [balance, again] = await Promise.all([reads.balance(WHO, 'acc_hot', START), reads.balance(WHO, 'acc_hot', START)]);
        expect(balance).toMatchObject({ available: state?.available, held: state?.held, revision });
        expect(again).toEqual(balance);
      }
    }
  });

  it('is served from memory while nothing changes, and read anew when more changed than is remembered', async () => {
    await other.reads.balance(WHO, 'acc_hot', START);
    await database.pool.query(`UPDATE balance_grant SET reference = 'changed behind its back' WHERE stream = 'account-t1.acc_hot'`);
    expect((await other.reads.balance(WHO, 'acc_hot', START))?.grants[0]?.reference).toBe('cycle 2026-01');
    await database.pool.query('DELETE FROM balance_change');
    expect((await other.reads.balance(WHO, 'acc_hot', START))?.grants[0]?.reference).toBe('changed behind its back');
  });

  it('of an account that is not there, or not to be seen, is null', async () => {
    expect(await harness.reads.balance(WHO, 'acc_none', START)).toBeNull();
    expect(await harness.reads.balance({ tenant: 't2', accounts: null }, 'acc_hot', START)).toBeNull();
    expect(await harness.reads.balance({ tenant: 't1', accounts: ['acc_lapse'] }, 'acc_hot', START)).toBeNull();
    expect(await harness.reads.balance(WHO, 'acc\0', START)).toBeNull();
  });
});

describe('a task without a price', () => {
  it('says by its own ending whether it was consumed or refunded', async () => {
    await world.open('acc_gratis');
    const [delivered, failed, open] = [60_000, 0, 60_000].map((deadlineMs) => world.submit('acc_gratis', { credits: 0, deadlineMs }));
    await world.run(await delivered!);
    await world.task(await failed!, { type: 'TimeOut' });
    await world.settle(await failed!);
    await open;
    await harness.caughtUp();
    const settlements = [];
    for (const id of [delivered, failed, open]) settlements.push((await harness.reads.task(WHO, await id!))?.settlement);
    expect(settlements).toEqual(['consumed', 'refunded', 'open']);
  });
});

describe('accounts and grants', () => {
  it('show a name until its customer is forgotten', async () => {
    const sealer = await keys.sealerFor('t1', 'acc_named');
    await world.open('acc_named', 'pro', sealer.seal({ name: 'Ada Lovelace' })?.sealed);
    await harness.caughtUp();
    expect(await harness.reads.account(WHO, 'acc_named')).toMatchObject({
      id: 'acc_named',
      name: 'Ada Lovelace',
      forgotten: false,
      status: 'active',
    });
    await keys.erase('t1', 'acc_named');
    expect(await harness.reads.account(WHO, 'acc_named')).toMatchObject({ name: null, forgotten: true });
  });

  it('list grants oldest first with money recognised for what is gone, by the floor of the share', async () => {
    await world.open('acc_paid', 'free');
    const costBasis = { currency: 'USD', amountMinor: 1_000 };
    await world.account('acc_paid', {
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 300,
      expiresAt: null,
      reference: 'order 1',
      costBasis,
    });
    await world.run(await world.submit('acc_paid', { credits: 301 }));
    await harness.caughtUp();
    const page = await harness.reads.grants(WHO, 'acc_paid', FIRST);
    expect(page?.data).toMatchObject([
      { bucket: 'subscription', consumed: 200, available: 0, costBasis: null, recognisedMinor: null, deferredMinor: null },
      { bucket: 'purchased', credits: 300, consumed: 101, available: 199, recognisedMinor: 336, deferredMinor: 664, reference: 'order 1' },
    ]);
    expect(await walk((query) => harness.reads.grants(WHO, 'acc_paid', query), 1)).toEqual(page?.data);
    expect(await harness.reads.grants(WHO, 'acc_none', FIRST)).toBeNull();
  });

  it('list accounts newest first, only those that the key may see, pages never repeating or skipping while others open', async () => {
    for (let index = 0; index < 7; index += 1) await world.open(`acc_list_${index}`, 'free');
    await harness.caughtUp();
    const all = (await harness.reads.accounts(WHO, FIRST)).data.map(({ id }) => id);
    expect(all.slice(0, 2)).toEqual(['acc_list_6', 'acc_list_5']);
    let opened = 0;
    const walked = await walk(
      (query) => harness.reads.accounts(WHO, query),
      2,
      async () => {
        await world.open(`acc_meanwhile_${opened++}`, 'free');
        await harness.caughtUp();
      },
    );
    expect(walked.map(({ id }) => id)).toEqual(all);
    const some = await harness.reads.accounts({ tenant: 't1', accounts: ['acc_list_1', 'acc_none', 'acc_list_3'] }, FIRST);
    expect(some.data.map(({ id }) => id)).toEqual(['acc_list_3', 'acc_list_1']);
  });
});

describe('tasks', () => {
  it('are listed newest first by every filter, rejected ones only when asked for', async () => {
    await world.open('acc_tasks');
    const made: Array<{ id: string; at: number; status: string; model: string; userId: string | null }> = [];
    for (let index = 0; index < 24; index += 1) {
      // Several share an instant: the position tells them apart.
      if (index % 4 === 0) clock.at += 1_000;
      const model = index % 2 === 0 ? 'kling-ai-5s' : 'pika-basic';
      const userId = index % 3 === 0 ? null : `user_${index % 3}`;
      const id = await world.submit('acc_tasks', { credits: index % 8 === 7 ? 1_000_000 : 5, model, userId });
      if (index % 8 === 0) await world.run(id);
      if (index % 8 === 1) await world.task(id, { type: 'Dispatch', provider: 'simulator' });
      if (index % 8 === 2) await world.task(id, { type: 'RequestCancellation', reason: null });
      made.push({ id, at: clock.at, status: world.tasks.get(id)?.state.status as string, model, userId });
    }
    await harness.caughtUp();
    const newestFirst = made.toReversed();
    const query = { accountId: 'acc_tasks', ...FIRST };
    const ids = async (filter: object): Promise<string[]> =>
      (await harness.reads.tasks(WHO, { ...query, ...filter })).data.map(({ id }) => id);
    const expected = (keep: (one: (typeof made)[number]) => boolean): string[] => newestFirst.filter(keep).map(({ id }) => id);
    expect(await ids({})).toEqual(expected(({ status }) => status !== 'rejected'));
    for (const status of ['pending', 'processing', 'completed', 'cancelled', 'rejected', 'failed'] as const) {
      expect(await ids({ status })).toEqual(expected((one) => one.status === status));
    }
    expect(await ids({ userId: 'user_1' })).toEqual(expected(({ status, userId }) => status !== 'rejected' && userId === 'user_1'));
    expect(await ids({ model: 'pika-basic' })).toEqual(expected(({ status, model }) => status !== 'rejected' && model === 'pika-basic'));
    const from = made[8]?.at as number;
    const to = made[16]?.at as number;
    expect(await ids({ from, to })).toEqual(expected(({ status, at }) => status !== 'rejected' && at >= from && at < to));
    expect(await walk((page) => harness.reads.tasks(WHO, { accountId: 'acc_tasks', ...page }), 3)).toHaveLength((await ids({})).length);
  });

  it('keep their pages while tasks are submitted and change their status', async () => {
    const before = (await harness.reads.tasks(WHO, { accountId: 'acc_tasks', ...FIRST })).data.map(({ id }) => id);
    const walked = await walk(
      (page) => harness.reads.tasks(WHO, { accountId: 'acc_tasks', ...page }),
      4,
      async () => {
        await world.run(await world.submit('acc_tasks', { credits: 5 }));
        await harness.caughtUp();
      },
    );
    expect(walked.map(({ id }) => id)).toEqual(before);
  });

  it('show their texts to those who may see their account, and to nobody once the customer was forgotten', async () => {
    await world.open('acc_texts');
    const sealed = (await keys.sealerFor('t1', 'acc_texts')).seal({ prompt: 'a cat on the moon', metadata: { shot: '12' } })?.sealed;
    const id = await world.submit('acc_texts', { credits: 5, ...(sealed === undefined ? {} : { sealed }) });
    await harness.caughtUp();
    expect(await harness.reads.task(WHO, id)).toMatchObject({ prompt: 'a cat on the moon', metadata: { shot: '12' } });
    expect((await harness.reads.tasks(WHO, { accountId: 'acc_texts', ...FIRST })).data[0]?.prompt).toBe('a cat on the moon');
    expect(await harness.reads.task({ tenant: 't1', accounts: ['acc_tasks'] }, id)).toBeNull();
    expect(await harness.reads.task({ tenant: 't2', accounts: null }, id)).toBeNull();
    expect((await harness.reads.tasks({ tenant: 't1', accounts: ['acc_tasks'] }, { accountId: 'acc_texts', ...FIRST })).data).toEqual([]);
    await keys.erase('t1', 'acc_texts');
    expect(await harness.reads.task(WHO, id)).toMatchObject({ prompt: null, metadata: null });
  });

  it('show the settlement that came out of the ledger, goodwill included', async () => {
    await world.open('acc_good');
    const id = await world.submit('acc_good', { credits: 70 });
    await harness.caughtUp();
    expect(await harness.reads.task(WHO, id)).toMatchObject({
      settlement: 'open',
      credits: { quoted: 70, held: 70, consumed: 0, refunded: 0 },
    });
    await world.run(id);
    await harness.caughtUp();
    expect(await harness.reads.task(WHO, id)).toMatchObject({ settlement: 'consumed', credits: { held: 0, consumed: 70, refunded: 0 } });
    const grantId = [...(world.accounts.get('acc_good')?.state.grants.keys() ?? [])][0] as string;
    const consumed = [{ grantId, credits: 70 }];
    const goodwill = { type: 'RefundGoodwill', taskId: id, reservationId: id, model: 'kling-ai-5s', reason: 'sorry', consumed } as const;
    await world.account('acc_good', { ...goodwill, credits: 30 });
    await harness.caughtUp();
    expect(await harness.reads.task(WHO, id)).toMatchObject({ settlement: 'partial', credits: { held: 0, consumed: 40, refunded: 30 } });
    expect(await harness.reads.receipt(WHO, id)).toMatchObject({ charged: 40, providerCost: [{ currency: 'USD', amountMinor: 7 }] });
    expect(await harness.reads.receipt({ tenant: 't1', accounts: [] }, id)).toBeNull();
    const facts = new ProjectedTaskLedgerFacts(harness.reads.taskQueries, (position, timeoutMs) =>
      harness.reads.waitFor(position, timeoutMs),
    );
    const positions = await facts.positionsOf('t1', id, 10);
    const types = await Promise.all(positions.map(async (position) => (await store.readAt(position))?.type));
    expect(types).toEqual(['CreditsReserved', 'CreditsConsumed', 'CreditsRefunded']);
    expect(await facts.positionsOf('t1', id, 1)).toEqual(positions.slice(0, 1));
  });
});

describe('movements', () => {
  it('follow the log in both orders and every filter, a page at a time', async () => {
    await world.open('acc_moves', 'free');
    await world.account('acc_moves', {
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 100,
      expiresAt: null,
      reference: 'order',
      costBasis: null,
    });
    const id = await world.submit('acc_moves', { credits: 220 });
    await world.run(id, '0.5');
    await harness.caughtUp();
    const list = async (filter: object): Promise<string[]> => {
      const page = await harness.reads.movements(WHO, 'acc_moves', { order: 'asc', ...FIRST, ...filter });
      return (page?.data ?? []).map(
        ({ type, bucket, credits, consumed }) => `${type} ${bucket} ${credits}${consumed ? ` (${consumed})` : ''}`,
      );
    };
    const all = [
      'granted subscription 200',
      'granted purchased 100',
      'reserved subscription -200',
      'reserved purchased -20',
      'consumed subscription 0 (110)',
      'refunded purchased 20',
      'refunded subscription 90',
    ];
    expect(await list({})).toEqual(all);
    expect(await list({ order: 'desc' })).toEqual(all.toReversed());
    expect(await list({ bucket: 'purchased' })).toEqual(all.filter((line) => line.includes('purchased')));
    expect(await list({ type: 'refunded' })).toEqual(all.slice(5));
    expect(await list({ taskId: id })).toEqual(all.slice(2));
    expect(await list({ from: clock.at + 1 })).toEqual([]);
    expect(await list({ to: clock.at })).toEqual([]);
    expect(await list({ from: clock.at, to: clock.at + 1 })).toEqual(all);
    for (const order of ['asc', 'desc'] as const) {
      const walked = await walk((page) => harness.reads.movements(WHO, 'acc_moves', { order, ...page }), 2);
      const whole = await harness.reads.movements(WHO, 'acc_moves', { order, ...FIRST });
      expect(walked).toEqual(whole?.data);
    }
    expect(await harness.reads.movements(WHO, 'acc_none', { order: 'asc', ...FIRST })).toBeNull();
  });

  it("show a reset as what lapsed and what was granted, at its boundary; an operator's as resets, now", async () => {
    await world.open('acc_reset', 'free');
    const boundary = world.accounts.get('acc_reset')?.state.nextResetAt as number;
    clock.at = boundary + 5_000;
    await world.account('acc_reset', { type: 'BookDue' });
    clock.at += 1_000;
    await world.account('acc_reset', { type: 'ResetCycle', reason: 'asked for' });
    await harness.caughtUp();
    const page = await harness.reads.movements(WHO, 'acc_reset', { order: 'asc', ...FIRST });
    expect(page?.data.map(({ type, credits, at }) => [type, credits, at]).slice(1)).toEqual([
      ['expired', -200, toIso(boundary)],
      ['granted', 200, toIso(boundary)],
      ['reset', -200, toIso(clock.at)],
      ['reset', 200, toIso(clock.at)],
    ]);
    expect(page?.data.at(-1)?.reason).toBe('asked for');
    expect(page?.data[1]?.recordedAt).toBe(toIso(boundary + 5_000));
    // A range of time is judged by when a movement took effect, not by when it was booked.
    const effective = await harness.reads.movements(WHO, 'acc_reset', { order: 'asc', ...FIRST, from: boundary, to: boundary + 1 });
    expect(effective?.data).toHaveLength(2);
  });
});

describe('a cursor', () => {
  it.each([
    '',
    'x',
    'eyJhIjoxfQ',
    Buffer.from('["tasks","x","y"]').toString('base64url'),
    Buffer.from('["tasks",9e15,"y"]').toString('base64url'),
  ])('that no page gave out is refused: %s', async (cursor) => {
    await expect(harness.reads.tasks(WHO, { limit: 1, cursor })).rejects.toThrow(InvalidCursor);
    await expect(harness.reads.accounts(WHO, { limit: 1, cursor })).rejects.toThrow(InvalidCursor);
    await expect(harness.reads.movements(WHO, 'acc_moves', { order: 'asc', limit: 1, cursor })).rejects.toThrow(InvalidCursor);
    await expect(harness.reads.grants(WHO, 'acc_paid', { limit: 1, cursor })).rejects.toThrow(InvalidCursor);
  });

  it('of one order does not serve the other', async () => {
    const page = await harness.reads.movements(WHO, 'acc_moves', { order: 'asc', limit: 1, cursor: null });
    await expect(harness.reads.movements(WHO, 'acc_moves', { order: 'desc', limit: 1, cursor: page?.nextCursor ?? '' })).rejects.toThrow(
      InvalidCursor,
    );
  });
});

describe('status and totals', () => {
  it('name every active read model, and count what the tables hold', async () => {
    await harness.caughtUp();
    const status = await harness.reads.status();
    expect(status.map(({ name, lagMs, failure, leased }) => ({ name, lagMs, failure, leased }))).toEqual(
      READ_MODEL_LIST.map((model) => model.name)
        .sort()
        .map((name) => ({ name, lagMs: 0, failure: null, leased: true })),
    );
    const { tasksByStatus, creditsHeld } = await harness.reads.totals();
    const { rows } = await database.pool.query<{ status: string; tasks: number }>(
      'SELECT status, count(*)::int AS tasks FROM task GROUP BY status',
    );
    for (const { status: name, tasks } of rows) expect(tasksByStatus[name as 'pending']).toBe(tasks);
    expect((await database.pool.query('SELECT sum(held)::int AS held FROM balance_grant')).rows).toEqual([{ held: creditsHeld }]);
  });
});

describe('on PostgreSQL, with several writers at once', () => {
  it('no fact is skipped, however late its transaction commits', async () => {
    const fresh = await createTestDatabase();
    const real: Clock = { now: () => Date.now() };
    const stores = [0, 1, 2].map(() => new PostgresEventStore({ pool: fresh.pool }));
    const reading = new Harness(stores[0] as PostgresEventStore, fresh.pool, new ManualClock(Date.now()), { engine: { batchSizeMax: 20 } });
    reading.engine.start();
    const worlds = stores.map((each, index) => new World(each, new ManualClock(real.now()), `w${index}`, undefined, index));
    await Promise.all(
      worlds.map(async (each) => {
        for (let account = 0; account < 3; account += 1) await each.open(`acc_${account}`);
        for (let task = 0; task < 20; task += 1) await each.run(await each.submit(`acc_${task % 3}`, { credits: 5 }));
      }),
    );
    await reading.caughtUp();
    expect(reading.errors).toEqual([]);
    for (const each of worlds) {
      for (const [accountId, { state, revision }] of each.accounts) {
        const balance = await reading.reads.balance({ tenant: each.tenant, accounts: null }, accountId, Date.now());
        expect(balance).toMatchObject({ available: state.available, held: 0, revision });
      }
    }
    expect((await reading.reads.totals()).tasksByStatus.completed).toBe(60);
    await reading.engine.stop();
    await Promise.all(stores.map((each) => each.close()));
    await fresh.drop();
  });
});
