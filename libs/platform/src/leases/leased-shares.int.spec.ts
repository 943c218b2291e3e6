import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { LeasedShares, type HeldShare, type LeasedSharesOptions } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';

const COUNT = 12;
/** So long that nothing is lost to a machine that is busy elsewhere; the tests of what time takes away keep less. */
const TTL_MS = 20_000;
const SHORT_TTL_MS = 600;

let database: TestDatabase;
let groups = 0;
let group = '';
const started: LeasedShares[] = [];
const pools: pg.Pool[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
  await Promise.all(pools.splice(0).map((pool) => (pool.ended ? Promise.resolve() : pool.end())));
  groups += 1;
});
afterAll(() => database.drop());

async function member(options: Partial<LeasedSharesOptions> = {}, pool = database.pool): Promise<LeasedShares> {
  group = `group-${groups}`;
  const one = new LeasedShares(pool, { group, count: COUNT, ttlMs: TTL_MS, ...options });
  started.push(one);
  await one.start();
  return one;
}

const owned = (one: LeasedShares): number => Array.from({ length: COUNT }, (_, share) => share).filter((share) => one.owns(share)).length;
const spread = (...members: LeasedShares[]): number[] => members.map(owned).sort();

describe('leased shares', () => {
  it('are all the first member’s at once, and spread evenly over those that join', async () => {
    const first = await member();
    expect(owned(first)).toBe(COUNT);
    const second = await member();
    await until(() => spread(first, second).join() === '6,6');
    const third = await member();
    await until(() => spread(first, second, third).join() === '4,4,4');
  });

  it('never have two owners while members come and go', async () => {
    const members = [await member()];
    const look = (): void => {
      for (let share = 0; share < COUNT; share += 1) expect(members.filter((one) => one.owns(share)).length).toBeLessThanOrEqual(1);
    };
    const watch = setInterval(look, 2);
    try {
      for (let n = 0; n < 3; n += 1) members.push(await member());
      await until(() => spread(...members).join() === '3,3,3,3');
      await members[0]!.stop();
      await until(() => spread(...members).join() === '0,4,4,4');
    } finally {
      clearInterval(watch);
    }
    look();
  });

  it('go to the others at once when a member leaves, and when one dies as soon as its time is up', async () => {
    const dying = new pg.Pool({ connectionString: database.url, max: 2 });
    pools.push(dying);
    const dead = await member({ ttlMs: SHORT_TTL_MS }, dying);
    const alive = await member({ ttlMs: SHORT_TTL_MS });
    await until(() => spread(dead, alive).join() === '6,6');
    await dying.end();
    await until(() => owned(alive) === COUNT);
    expect(owned(dead)).toBe(0);
  });

  it('tell every process who owns them and what it said of itself', async () => {
    const first = await member({ detail: { address: 'http://one' } });
    const second = await member({ detail: { address: 'http://two' } });
    await until(() => spread(first, second).join() === '6,6');
    const mine = first.holdings()[0]!.share;
    await until(() => second.directory.ownerOf(mine)?.owner === first.owner);
    expect(second.directory.ownerOf(mine)?.detail).toEqual({ address: 'http://one' });
    expect([...second.directory.members()]).toEqual([first.owner, second.owner].sort());
  });

  it('stay held until the work on them has ended, and the fence knows the present owner alone', async () => {
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    const running = new Map<string, HeldShare>();
    const work = async (held: HeldShare, signal: AbortSignal): Promise<void> => {
      const name = `${held.owner} ${held.share}`;
      running.set(name, held);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await mayGo;
      expect(held.held()).toBe(true);
      running.delete(name);
    };
    // Renewed every three seconds, and lost only after six more.
    const ttlMs = 9_000;
    const first = await member({ work, ttlMs });
    const before = first.holding(0)!;
    const second = await member({ work, ttlMs });
    await until(() => owned(first) === 6);
    // Past the time to live: what is finished in peace is renewed meanwhile.
    const endMs = performance.now() + ttlMs;
    await until(() => performance.now() > endMs);
    expect(first.held).toBe(COUNT);
    expect(owned(second)).toBe(0);
    letGo();
    await until(() => spread(first, second).join() === '6,6');
    expect(running.size).toBe(COUNT);

    const client = await database.pool.connect();
    try {
      await client.query('BEGIN');
      const now = [first, second].find((one) => one.owns(0))!.holding(0)!;
      expect(await now.fence(client)).toBe(true);
      expect(await before.fence(client)).toBe(now === before);
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });

  it('are begun again after work that failed', async () => {
    const errors: string[] = [];
    let runs = 0;
    const one = await member({
      count: 1,
      onError: (error) => errors.push(error.message),
      work: async (_held, signal) => {
        runs += 1;
        if (runs === 1) throw new Error('out of luck');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    });
    await until(() => runs === 2);
    expect(errors).toEqual(['out of luck']);
    expect(one.owns(0)).toBe(true);
  });

  it('are not held by a process that slept through its time', async () => {
    const one = await member({ ttlMs: SHORT_TTL_MS });
    const held = one.holdings();
    const wakeMs = performance.now() + SHORT_TTL_MS + 100;
    while (performance.now() < wakeMs); // The event loop stands still, as in a paused process.
    expect(held.filter((each) => each.held())).toEqual([]);
    expect(owned(one)).toBe(0);
    await until(() => owned(one) === COUNT);
    expect(held.filter((each) => each.held())).toEqual([]);
  });
});
