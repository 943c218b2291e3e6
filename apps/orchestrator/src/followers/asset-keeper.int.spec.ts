// Shows that assets are copied before they are gone: each once, tried again as long as it makes sense, across restarts, and told in the task's own stream.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { assetAt as assetOf } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { BRIEF, completed, FollowersHouse, lateResult, taken, timedOut } from './testing/followers-house.js';

const AWAY = { code: 'source_unavailable', detail: 'it answered 503', retryable: true } as const;
const GONE = { code: 'source_gone', detail: 'it answered 404', retryable: false } as const;

let database: TestDatabase;
let house: FollowersHouse;
let urls = 0;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  house = new FollowersHouse(database.pool);
});
afterEach(() => house.close());

const newUrl = (): string => `https://a.example/${(urls += 1)}.mp4`;
const tries = (url: string): number => house.vendor.asked.filter((asked) => asked === url).length;
const isDone = async (): Promise<boolean> => (await house.queue.waiting()) === 0;
const types = async (taskId: string): Promise<string[]> => (await house.facts('task', taskId)).map(({ type }) => type);
const told = async (taskId: string): Promise<void> => until(async () => (await types(taskId)).at(-1)!.startsWith('TaskAssets'));

describe('the asset keeper', () => {
  it('copies what a task delivered, and tells where it is', async () => {
    const [one, two] = [newUrl(), newUrl()];
    const taskId = await house.task(completed(one, two));
    house.follow(house.assetKeeper());
    await told(taskId);
    expect((await house.facts('task', taskId)).at(-1)).toMatchObject({
      type: 'TaskAssetsStored',
      data: {
        assets: [
          { index: 0, late: false, sourceUrl: one, sha256: 'b'.repeat(64), bytes: 12, durationSeconds: '4.96', width: 64, height: 36 },
          { index: 1, late: false, sourceUrl: two },
        ],
      },
    });
    const { assets } = await house.state(taskId);
    expect(assets.map(({ kept }) => kept?.url)).toEqual(Array(2).fill(expect.stringMatching(/^\/v1\/assets\//)));
    await until(isDone);
    expect([tries(one), tries(two)]).toEqual([1, 1]);
  });

  it('copies a late result while it is on offer, before anybody takes it', async () => {
    const url = newUrl();
    const taskId = await house.task(timedOut(), lateResult('offer', url));
    house.follow(house.assetKeeper());
    await told(taskId);
    await house.append(`task-acme.${taskId}`, (await types(taskId)).length - 1, [taken()]);
    expect((await house.state(taskId)).assets).toMatchObject([{ url, late: true, kept: { bytes: 12 } }]);
  });

  it('tries again what may yet be had, without copying twice what it has', async () => {
    const [there, late] = [newUrl(), newUrl()];
    house.vendor.failures.set(late, AWAY);
    const taskId = await house.task(completed(there, late));
    house.follow(house.assetKeeper());
    await until(() => tries(late) >= 3);
    house.vendor.failures.delete(late);
    await told(taskId);
    expect((await types(taskId)).filter((type) => type === 'TaskAssetsStored')).toHaveLength(1);
    expect(tries(there)).toBe(1);
  });

  it('gives up what is gone at once, and what stays away after the last try', async () => {
    const [gone, away, there] = [newUrl(), newUrl(), newUrl()];
    house.vendor.failures.set(gone, GONE).set(away, AWAY);
    const taskId = await house.task(completed(gone, there, away));
    house.follow(house.assetKeeper('all', { triesMax: 3 }));
    await told(taskId);
    const facts = (await house.facts('task', taskId)).slice(-2);
    expect(facts).toMatchObject([
      { type: 'TaskAssetsStored', data: { assets: [{ index: 1, sourceUrl: there }] } },
      {
        type: 'TaskAssetsNotStored',
        data: {
          assets: [
            { index: 0, late: false, sourceUrl: gone, code: 'source_gone', detail: GONE.detail },
            { index: 2, late: false, sourceUrl: away, code: 'source_unavailable' },
          ],
        },
      },
    ]);
    expect([tries(gone), tries(away)]).toEqual([1, 3]);
    await until(isDone);
    expect(assetOf(await house.state(taskId), { index: 0, late: false, sourceUrl: gone })?.isGivenUp).toBe(true);
  });

  it('goes on after a stop in the middle of a copy, and neither loses nor doubles it', async () => {
    const url = newUrl();
    house.vendor.hanging.add(url);
    const taskId = await house.task(completed(url));
    const first = house.follow(house.assetKeeper());
    await until(() => tries(url) === 1);
    await first.stop();
    expect(await house.queue.waiting()).toBe(1);
    house.vendor.hanging.delete(url);
    house.follow(house.assetKeeper());
    await told(taskId);
    await until(isDone);
    expect((await types(taskId)).filter((type) => type.startsWith('TaskAssets'))).toEqual(['TaskAssetsStored']);
  });

  it('records once what was recorded before a crash took the row along', async () => {
    const url = newUrl();
    const taskId = await house.task(completed(url));
    const first = house.follow(house.assetKeeper());
    await told(taskId);
    await until(isDone);
    await first.stop();
    // As if the process had died between the append and the end of its row.
    const [fact] = await house.facts('task', taskId).then((facts) => facts.slice(1));
    const copy = { stream: fact!.stream, revision: fact!.revision, tenant: fact!.tenant, eventId: fact!.id, correlationId: '', tries: 0 };
    const assets = [{ index: 0, late: false, sourceUrl: url, mediaType: 'video/mp4', outcome: null }];
    const client = await database.pool.connect();
    await house.queue.put(client, [{ ...copy, assets }]);
    client.release();
    house.follow(house.assetKeeper());
    await until(isDone);
    expect((await types(taskId)).filter((type) => type.startsWith('TaskAssets'))).toEqual(['TaskAssetsStored']);
  });

  it('keeps what it is told to: those of briefs, or none', async () => {
    const earlier = house.follow(house.assetKeeper('none'));
    const [plain, briefed, plainLate, briefedLate, unkept] = [newUrl(), newUrl(), newUrl(), newUrl(), newUrl()];
    await house.task(completed(unkept));
    const seen = async (): Promise<boolean> =>
      ((await database.pool.query<{ position: string }>(`SELECT position FROM log_followers WHERE name = 'assets'`)).rows[0]?.position ??
        '') >= (await house.store.head());
    await until(seen);
    await earlier.stop();
    house.follow(house.assetKeeper('briefs'));
    await house.task(completed(plain));
    await house.task(timedOut(), lateResult('deliver_free', plainLate));
    const kept = [
      await house.task(BRIEF, completed(briefed)),
      await house.task(BRIEF, timedOut(), lateResult('deliver_free', briefedLate)),
    ];
    await Promise.all(kept.map(told));
    await until(isDone);
    expect(house.vendor.asked).toEqual(expect.arrayContaining([briefed, briefedLate]));
    expect(house.vendor.asked).toHaveLength(2);
  });

  it('copies many at once, and never more than it may', async () => {
    const tasks = await Promise.all(Array.from({ length: 60 }, () => house.task(completed(newUrl(), newUrl()))));
    house.follow(house.assetKeeper('all', { copiesAtOnceMax: 5 }));
    await Promise.all(tasks.map(told));
    expect(house.vendor.atOnceMax).toBe(5);
    expect(house.vendor.asked).toHaveLength(120);
  });

  it('takes up nothing again that was done with while the queue was read', async () => {
    const { queue } = house;
    const [due, remove] = [queue.due.bind(queue), queue.remove.bind(queue)];
    let seenAgain: () => void = () => undefined;
    let removed: () => void = () => undefined;
    const again = new Promise<void>((resolve) => (seenAgain = resolve));
    const gone = new Promise<void>((resolve) => (removed = resolve));
    const url = newUrl();
    let seen = 0;
    queue.due = async (limit) => {
      const rows = await due(limit);
      if (rows.some(({ assets }) => assets[0]!.sourceUrl === url) && (seen += 1) === 2) {
        seenAgain();
        await gone;
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      return rows;
    };
    queue.remove = async (copies) => {
      await again;
      await remove(copies);
      removed();
    };
    const taskId = await house.task(completed(url));
    house.follow(house.assetKeeper());
    await told(taskId);
    await until(isDone);
    const other = await house.task(completed(newUrl()));
    await told(other);
    expect(tries(url)).toBe(1);
  });

  it('lets a slow asset hold up no other', async () => {
    const slow = newUrl();
    house.vendor.hanging.add(slow);
    await house.task(completed(slow));
    const taskId = await house.task(completed(newUrl()));
    house.follow(house.assetKeeper());
    await told(taskId);
    expect(tries(slow)).toBe(1);
  });
});
