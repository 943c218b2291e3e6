// Shows that a follower of the log misses no fact: whoever is killed, paused or loses its database in the middle, and that one process follows at a time.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore, type StoredFact } from '#libs/event-store';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import type { RowsOfPage } from './follower-checkpoint.postgres.js';
import type { Reaction } from './log-follower.js';
import { completed, FollowersHouse, timedOut } from './testing/followers-house.js';

let database: TestDatabase;
let house: FollowersHouse;
let names = 0;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  house = new FollowersHouse(database.pool);
});
afterEach(() => house.close());

/** Remembers the streams of what it was handed. */
class Listening implements Reaction {
  readonly filter = { streamPrefixes: ['task-'], types: ['TaskCompleted'] };
  readonly streams: string[] = [];
  /** Called before a page is taken in. */
  before: (facts: readonly StoredFact[]) => void | Promise<void> = () => undefined;
  rows: RowsOfPage | null = null;

  constructor(readonly name = `listening-${(names += 1)}`) {}

  async take(facts: readonly StoredFact[]): Promise<RowsOfPage | null> {
    await this.before(facts);
    this.streams.push(...facts.map(({ stream }) => stream));
    return this.rows;
  }
}

const ofTask =
  (taskId: string): ((stream: string) => boolean) =>
  (stream) =>
    stream.endsWith(taskId);
const completedTask = (): Promise<string> => house.task(completed('https://a.example/1.mp4'));

async function checkpointOf(name: string): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ position: string }>('SELECT position FROM log_followers WHERE name = $1', [name]);
  return rows[0]?.position;
}

describe('a follower of the log', () => {
  it('hands over what it asks for, what was there before it and what comes, in order and once', async () => {
    const before = await completedTask();
    await house.task(timedOut());
    const listening = new Listening();
    const follower = house.follow(listening);
    await until(() => listening.streams.some(ofTask(before)));
    const after = await completedTask();
    await until(() => listening.streams.some(ofTask(after)));
    expect(listening.streams.filter((stream) => ofTask(before)(stream) || ofTask(after)(stream))).toHaveLength(2);
    expect(listening.streams.findIndex(ofTask(before))).toBeLessThan(listening.streams.findIndex(ofTask(after)));
    await until(() => follower.health()['lagMs'] === 0);
    expect(follower.health()).toMatchObject({ status: 'ok', leads: true });
  });

  it('goes on where it stopped, without what was seen before', async () => {
    const first = new Listening();
    const follower = house.follow(first);
    const seen = await completedTask();
    await until(() => first.streams.some(ofTask(seen)));
    await follower.stop();
    const missed = await completedTask();
    const second = new Listening(first.name);
    house.follow(second);
    await until(() => second.streams.some(ofTask(missed)));
    expect(second.streams.filter(ofTask(seen))).toEqual([]);
  });

  it('counts facts as seen only together with the rows made of them', async () => {
    const listening = new Listening();
    await database.pool.query('CREATE TABLE IF NOT EXISTS rows_of_pages (stream text PRIMARY KEY)');
    let failures = 2;
    const taskId = await completedTask();
    listening.rows = async (client) => {
      const last = listening.streams.at(-1)!;
      await client.query('INSERT INTO rows_of_pages VALUES ($1)', [last]);
      if (ofTask(taskId)(last) && (failures -= 1) >= 0) throw new Error('the rows cannot be written');
    };
    const follower = house.follow(listening);
    await until(() => failures < 0);
    await until(() => follower.health().status === 'ok');
    const { rows } = await database.pool.query<{ stream: string }>('SELECT stream FROM rows_of_pages');
    expect(rows.filter(({ stream }) => ofTask(taskId)(stream))).toHaveLength(1);
    expect(listening.streams.filter(ofTask(taskId)).length).toBe(3);
  });

  it('says so while it fails, and tries again', async () => {
    const listening = new Listening();
    let isBroken = true;
    listening.before = () => {
      if (isBroken) throw new Error('broken');
    };
    const follower = house.follow(listening);
    const taskId = await completedTask();
    await until(() => follower.health().status === 'degraded');
    isBroken = false;
    await until(() => listening.streams.some(ofTask(taskId)));
    await until(() => follower.health().status === 'ok');
  });

  it('is one of many, and another takes over once the lease of a dead one has run out', async () => {
    const name = `listening-${(names += 1)}`;
    await database.pool.query(
      `INSERT INTO leases (name, owner, token, expires_at) VALUES ($1, 'a process that was killed', 7, clock_timestamp() + interval '3 seconds')`,
      [`follower:${name}`],
    );
    const [one, other] = [new Listening(name), new Listening(name)];
    const followers = [house.follow(one), house.follow(other)];
    const taskId = await completedTask();
    await until(() => [...one.streams, ...other.streams].some(ofTask(taskId)));
    await until(() => followers.filter((follower) => follower.leads()).length === 1);
  });

  it('writes nothing once another has taken over, however late it wakes', async () => {
    const listening = new Listening();
    const heir = new Listening(listening.name);
    let wake: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let isAsleep = false;
    listening.before = async () => {
      isAsleep = true;
      await asleep;
    };
    const sleeper = house.follow(listening, { leaseTtlMs: 300 });
    const taskId = await completedTask();
    await until(() => isAsleep);
    await database.pool.query(
      `UPDATE leases SET owner = 'another', token = token + 1, expires_at = clock_timestamp() + interval '1 minute' WHERE name = $1`,
      [`follower:${listening.name}`],
    );
    await until(() => !sleeper.leads());
    wake();
    await sleeper.stop();
    expect(await checkpointOf(listening.name)).toBe('0000000000000000');
    await database.pool.query('UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1', [`follower:${listening.name}`]);
    house.follow(heir);
    await until(() => heir.streams.some(ofTask(taskId)));
  });

  it('survives the loss of its connections', async () => {
    const listening = new Listening();
    const follower = house.follow(listening, { leaseTtlMs: 600 });
    await until(() => follower.leads());
    await database.pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    const taskId = await again(completedTask);
    await until(() => listening.streams.some(ofTask(taskId)));
  });

  it('moves its checkpoint also over what it does not ask for', async () => {
    const listening = new Listening();
    house.follow(listening);
    await until(async () => (await checkpointOf(listening.name)) !== undefined);
    await until(async () => {
      await house.task(timedOut());
      return ((await checkpointOf(listening.name)) ?? '') > '0000000000000000';
    });
  });

  it('follows a log in memory as well', async () => {
    const inMemory = new FollowersHouse(database.pool, new MemoryEventStore({ now: () => Date.now() }));
    const listening = new Listening();
    inMemory.follow(listening);
    const taskId = await inMemory.task(completed('https://a.example/1.mp4'));
    await until(() => listening.streams.some(ofTask(taskId)));
    await inMemory.close();
  });
});

/** The store may be away for a moment. */
async function again(act: () => Promise<string>): Promise<string> {
  let answer = '';
  await until(async () => {
    answer = await act().catch(() => '');
    return answer !== '';
  });
  return answer;
}
