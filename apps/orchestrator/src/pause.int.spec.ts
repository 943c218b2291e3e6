import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { lookAround, until, World, type RunningOrchestrator } from './testing/test-world.js';

/** Of the one that is paused: short, so that the pause need not last long. Every other keeps its leases. */
const LIMITS = { leaseTtlMs: 900 };
let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.stopAll());
afterAll(() => world.close());

let accounts = 0;
const account = async (): Promise<string> => {
  const id = `acc_${++accounts}`;
  await world.account(id);
  return id;
};
const jobsOf = async (taskId: string): Promise<number> =>
  (await world.database.pool.query('SELECT 1 FROM simulator_jobs WHERE client_job_id LIKE $1', [`${taskId}.%`])).rowCount ?? 0;
const settled = (taskId: string): Promise<void> =>
  until(`${taskId} to be settled`, async () => (await world.money(taskId)).some((type) => type !== 'ProviderCostBooked'));
const submissions = async ({ registry }: RunningOrchestrator): Promise<number> => {
  const { values } = (await registry.getSingleMetric('rollcredits_provider_calls_total')!.get()) as {
    values: Array<{ value: number; labels: { call?: string | number } }>;
  };
  return values.filter(({ labels }) => labels.call === 'submit').reduce((sum, { value }) => sum + value, 0);
};

/** One process owns everything and is paused at that point; another takes over, ends the task, and the first goes on. */
async function pausedAt(pauseAt: string): Promise<{ id: string; acc: string; first: RunningOrchestrator; second: RunningOrchestrator }> {
  const acc = await account();
  const first = await world.orchestrator({ pauseAt, limits: LIMITS });
  await until('the first to own all', () => first.orchestrator.partitions === 16);
  const id = await world.submit(acc, { afterMs: 0 });
  await until('the pause', () => first.plug.isPaused);
  const second = await world.orchestrator();
  await until('the second to own all', () => lookingAround(() => second.orchestrator.partitions === 16));
  return { id, acc, first, second };
}

/** Long leases make for rare looks. */
async function lookingAround(isSo: () => boolean): Promise<boolean> {
  await lookAround(world.database.pool);
  return isSo();
}

/** It goes on, finds that all of it is another's, and gets its part anew. */
async function wake({ plug, orchestrator }: RunningOrchestrator): Promise<void> {
  plug.resume();
  await until('the first to have its part again', () => lookingAround(() => orchestrator.partitions === 8));
}

describe('a process that is paused, loses its partitions and goes on', () => {
  it('in the middle of a submission leaves it unknown to its successor, who looks it up; its own answer comes too late to be written', async () => {
    const { id, acc, first } = await pausedAt('submit');
    await settled(id);
    await wake(first);
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskSubmissionUnknown', 'TaskAccepted', 'TaskCompleted']);
    expect(await jobsOf(id)).toBe(1);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
    expect(await world.figures(acc)).toEqual({ available: 1_930, held: 0, open: 0 });
  });

  it('before a submission that it has dispatched does not make it any more: its successor learnt that it never arrived, and did', async () => {
    const { id, first, second } = await pausedAt('TaskDispatched');
    await settled(id);
    await wake(first);
    expect(await submissions(first)).toBe(0);
    expect(await submissions(second)).toBe(1);
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskSubmissionUnknown', 'TaskAccepted', 'TaskCompleted']);
    expect(await jobsOf(id)).toBe(1);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
  });

  it.each(['report', 'settle'])('at %s, settles nothing a second time', async (pauseAt) => {
    const { id, acc, first } = await pausedAt(pauseAt);
    await settled(id);
    await wake(first);
    const more = await Promise.all(Array.from({ length: 6 }, () => world.submit(acc, { afterMs: 0 })));
    await Promise.all(more.map(settled));
    for (const task of [id, ...more]) expect(await world.money(task)).toEqual(['CreditsConsumed']);
    expect(await world.figures(acc)).toEqual({ available: 1_510, held: 0, open: 0 });
  });

  it('writes no row and no checkpoint with its old leases', async () => {
    const { id, first } = await pausedAt('TaskAccepted');
    await settled(id);
    const checkpoints = async (): Promise<string[]> =>
      (await world.database.pool.query<{ position: string }>('SELECT position FROM orchestrator_partitions ORDER BY partition')).rows.map(
        ({ position }) => position,
      );
    await until(
      'the checkpoints to reach the end',
      async () => new Set(await checkpoints()).size === 1 && (await checkpoints())[0] === (await world.api.store.head()),
    );
    await until('its row to be gone', async () => (await world.rows()).every((row) => row.task_id !== id));
    const before = await checkpoints();
    await wake(first);
    const after = await checkpoints();
    after.forEach((position, partition) => expect(position >= before[partition]!).toBe(true));
    expect((await world.rows()).filter((row) => row.task_id === id)).toEqual([]);
  });
});
