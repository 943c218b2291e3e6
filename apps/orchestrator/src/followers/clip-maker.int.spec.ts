// Shows that every task of a brief that delivered has its one clip, whoever makes it, how often, and however late.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseStream, type StoredFact } from '#libs/event-store';
import { clipIdOf } from '#libs/studio';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { assetAt, BRIEF, completed, FollowersHouse, lateResult, taken, TENANT, timedOut } from './testing/followers-house.js';

const URL = 'https://a.example/1.mp4';

let database: TestDatabase;
let house: FollowersHouse;

beforeAll(async () => {
  database = await createTestDatabase();
  house = new FollowersHouse(database.pool);
});
afterAll(async () => {
  await house.close();
  await database.drop();
});

const clipOf = (taskId: string): Promise<StoredFact[]> => house.facts('clip', clipIdOf(taskId));
const endOf = async (taskId: string): Promise<StoredFact> => (await house.facts('task', taskId)).at(-1)!;

describe('the clip of a task with a brief', () => {
  it('is made of its completion, with all that it was made for', async () => {
    const taskId = await house.task(BRIEF, completed(URL));
    const cause = await endOf(taskId);
    await house.clipMaker().take([cause]);
    const [generated, ...rest] = await clipOf(taskId);
    expect(rest).toEqual([]);
    expect(generated).toMatchObject({
      type: 'ClipGenerated',
      revision: 0,
      tenant: TENANT,
      causationId: cause.id,
      correlationId: cause.correlationId,
      data: {
        clipId: clipIdOf(taskId),
        taskId,
        accountId: 'acc_1',
        briefId: BRIEF.briefId,
        briefRevision: 1,
        promptId: 'prompt_1',
        promptVersion: 2,
        model: 'basic',
        asset: assetAt(URL),
      },
    });
    expect(parseStream(generated!.stream)).toEqual({ category: 'clip', tenant: TENANT, id: clipIdOf(taskId) });
  });

  it('enters review by itself where its brief says so, in the same append', async () => {
    const taskId = await house.task({ ...BRIEF, autoReview: true }, completed(URL));
    await house.clipMaker().take([await endOf(taskId)]);
    expect(await clipOf(taskId)).toMatchObject([
      { type: 'ClipGenerated' },
      { type: 'ClipMoved', data: { from: 'generated', to: 'review_pending', person: 'orchestrator', reasons: [] } },
    ]);
  });

  it('is made of a late result once somebody took it, not before', async () => {
    const offered = await house.task(BRIEF, timedOut(), lateResult('offer', URL));
    await house.clipMaker().take(await house.facts('task', offered));
    expect(await clipOf(offered)).toEqual([]);
    const accepted = await house.task(BRIEF, timedOut(), lateResult('offer', URL), taken());
    await house.clipMaker().take([await endOf(accepted)]);
    expect(await clipOf(accepted)).toMatchObject([{ type: 'ClipGenerated', data: { taskId: accepted, asset: assetAt(URL) } }]);
  });

  it('is one, however many processes make it at once and however often', async () => {
    const taskId = await house.task({ ...BRIEF, autoReview: true }, completed(URL));
    const cause = await endOf(taskId);
    await Promise.all(Array.from({ length: 8 }, () => house.clipMaker().take([cause])));
    await house.clipMaker().take([cause, cause]);
    expect(await clipOf(taskId)).toHaveLength(2);
  });

  it('is none where nothing was delivered, and where there is no brief nothing is even read', async () => {
    const empty = await house.task(BRIEF, completed());
    await house.clipMaker().take([await endOf(empty)]);
    expect(await clipOf(empty)).toEqual([]);
    const plain = await house.task(completed(URL));
    const cause = await endOf(plain);
    const reads = house.store.readStreams.bind(house.store);
    house.store.readStreams = () => Promise.reject(new Error('read'));
    await house.clipMaker().take([cause]);
    house.store.readStreams = reads;
    expect(await clipOf(plain)).toEqual([]);
  });

  it('is made in time after any downtime, by whichever process follows the log', async () => {
    const missed = await Promise.all(Array.from({ length: 40 }, () => house.task(BRIEF, completed(URL))));
    const followers = [1, 2].map(() => house.follow(house.clipMaker(), { pageSizeMax: 7 }));
    await until(() => followers.some((follower) => follower.leads()));
    await followers.find((follower) => follower.leads())?.stop();
    const late = await house.task(BRIEF, completed(URL));
    await until(async () => (await Promise.all([...missed, late].map(clipOf))).every((facts) => facts.length === 1));
  });
});
