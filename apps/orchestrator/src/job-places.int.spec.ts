import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LeasedShares, type HeldShare } from '#libs/platform';
import { ORCHESTRATOR_GROUP, PARTITION_COUNT, ProviderJobs } from '#libs/reactions';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { until } from '../../../test/support/until.js';
import { JobPlaces, type JobWaiter } from './job-places.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

let names = 0;

/** A process with its partitions: what it was given, and what runs because of it. */
class Part {
  readonly given: string[] = [];
  readonly places: JobPlaces<JobWaiter>;
  readonly troubles: Error[] = [];

  constructor(
    provider: string,
    jobsMax: number,
    private readonly holds: ReadonlyMap<number, HeldShare>,
  ) {
    this.places = new JobPlaces({
      provider,
      jobsMax,
      jobs: new ProviderJobs(database.pool),
      holdOf: (partition) => {
        const held = this.holds.get(partition);
        return held === undefined ? null : { partition, token: held.token };
      },
      onGiven: ({ taskId }) => this.given.push(taskId),
      onTrouble: (error) => this.troubles.push(error),
    });
  }

  enter(account: string, taskId: string, partition: number, weight = 1): void {
    this.places.enter({ account, weight, taskId, tenant: 'acme', partition });
  }

  leave(taskId: string, partition: number): void {
    this.places.leave({ taskId, tenant: 'acme', partition });
  }
}

/** Partitions 0–7 and 8–15 as two processes would hold them, for as long as a test takes. */
async function twoProcesses(provider: string, jobsMax: number): Promise<{ a: Part; b: Part; stop: () => Promise<void> }> {
  const shares = new LeasedShares(database.pool, { group: ORCHESTRATOR_GROUP, count: PARTITION_COUNT, ttlMs: 120_000 });
  await shares.start();
  await until(() => shares.held === PARTITION_COUNT);
  const holds = new Map(shares.holdings().map((held) => [held.share, held]));
  const a = new Part(provider, jobsMax, new Map([...holds].filter(([share]) => share < 8)));
  const b = new Part(provider, jobsMax, new Map([...holds].filter(([share]) => share >= 8)));
  const stop = async (): Promise<void> => {
    await Promise.all([a.places.stop(), b.places.stop()]);
    await shares.stop();
  };
  return { a, b, stop };
}

const running = async (provider: string): Promise<string[]> =>
  (
    await database.pool.query<{ task_id: string }>('SELECT task_id FROM provider_jobs WHERE provider = $1 AND is_running', [provider])
  ).rows.map((row) => row.task_id);

describe('the places at a provider that bounds its jobs', () => {
  it('are never more than the bound over all processes, and are all used while anybody waits', async () => {
    const provider = `p${++names}`;
    const { a, b, stop } = await twoProcesses(provider, 5);
    for (let n = 0; n < 30; n += 1) a.enter(`x${n % 3}`, `${provider}-a${n}`, 1);
    for (let n = 0; n < 30; n += 1) b.enter(`y${n % 3}`, `${provider}-b${n}`, 9);
    const left = new Set<string>();
    let most = 0;
    for (let done = 0; done < 60; done += 1) {
      const runs = (): string[] => [...a.given, ...b.given].filter((id) => !left.has(id));
      await until(() => runs().length >= Math.min(5, 60 - done));
      most = Math.max(most, (await running(provider)).length);
      const next = runs()[0]!;
      left.add(next);
      if (a.given.includes(next)) a.leave(next, 1);
      else b.leave(next, 9);
    }
    expect(most).toBe(5);
    expect([...a.given].sort()).toEqual(Array.from({ length: 30 }, (_, n) => `${provider}-a${n}`).sort());
    expect([...b.given].sort()).toEqual(Array.from({ length: 30 }, (_, n) => `${provider}-b${n}`).sort());
    await until(async () => (await running(provider)).length === 0);
    expect([...a.troubles, ...b.troubles]).toEqual([]);
    await stop();
  });

  it('go to each account by its weight, whichever process it is in', async () => {
    const provider = `p${++names}`;
    const { a, b, stop } = await twoProcesses(provider, 1);
    for (let n = 0; n < 200; n += 1) {
      a.enter('light', `${provider}-l${n}`, 1, 1);
      b.enter('heavy', `${provider}-h${n}`, 9, 3);
    }
    const order: string[] = [];
    for (let turn = 0; turn < 80; turn += 1) {
      await until(() => a.given.length + b.given.length === turn + 1);
      const [part, partition] = order.filter((id) => id.includes('-l')).length < a.given.length ? ([a, 1] as const) : ([b, 9] as const);
      const id = part.given.at(-1)!;
      order.push(id);
      part.leave(id, partition);
    }
    // Both are in line from the first few places on.
    const late = order.slice(10);
    const heavy = late.filter((id) => id.includes('-h')).length;
    expect(heavy).toBeGreaterThanOrEqual(50);
    expect(heavy).toBeLessThanOrEqual(55);
    await stop();
  });

  it('let a single task pass a backlog of another process: it is next once it is in line', async () => {
    const provider = `p${++names}`;
    const { a, b, stop } = await twoProcesses(provider, 3);
    for (let n = 0; n < 2_000; n += 1) a.enter('big', `${provider}-${n}`, 2);
    await until(() => a.given.length === 3);
    for (let n = 0; n < 40; n += 1) {
      a.leave(a.given[n]!, 2);
      await until(() => a.given.length === n + 4);
    }
    b.enter('small', `${provider}-small`, 10);
    await until(
      async () => (await database.pool.query('SELECT 1 FROM provider_jobs WHERE task_id = $1', [`${provider}-small`])).rowCount === 1,
    );
    const before = a.given.length;
    a.leave(a.given[40]!, 2);
    await until(() => b.given.length === 1);
    expect(a.given.length).toBe(before);
    await stop();
  });

  it('are not asked for by a process that lost the partition, and outlive the process that took them', async () => {
    const provider = `p${++names}`;
    const { a, b, stop } = await twoProcesses(provider, 2);
    a.enter('x', `${provider}-0`, 3);
    a.enter('x', `${provider}-1`, 3);
    await until(() => a.given.length === 2);
    await database.pool.query(`UPDATE leases SET token = token + 1 WHERE name = 'orchestrator/3'`);
    // An old owner can neither leave the places nor take more of them.
    a.leave(`${provider}-0`, 3);
    a.enter('x', `${provider}-2`, 3);
    b.enter('y', `${provider}-3`, 12);
    await until(
      async () => (await database.pool.query('SELECT 1 FROM provider_jobs WHERE task_id = $1', [`${provider}-3`])).rowCount === 1,
    );
    expect((await running(provider)).sort()).toEqual([`${provider}-0`, `${provider}-1`]);
    expect(b.given).toEqual([]);
    await stop();
  });
});
