import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#libs/kernel';
import { until, World } from './testing/test-world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
  await world.orchestrator();
});
afterAll(() => world.close());

let accounts = 0;
const account = async (): Promise<string> => {
  const id = `acc_${++accounts}`;
  await world.account(id);
  return id;
};
const settledBy = (taskId: string, type: string): Promise<void> =>
  until(`${taskId} to be settled by ${type}`, async () => (await world.money(taskId)).includes(type));
const storyEnds = (taskId: string, type: string): Promise<void> =>
  until(`${taskId} to have ${type}`, async () => (await world.story(taskId)).includes(type));
const cost: JsonObject = { currency: 'USD', amountMinor: 5 };
const WHOLE = { available: 2_000, held: 0, open: 0 };

describe('a life on the simulator', () => {
  it('dispatches, is accepted, completes and is charged, each once and in this order', async () => {
    const acc = await account();
    const id = await world.submit(acc, { afterMs: 20, cost });
    await settledBy(id, 'CreditsConsumed');
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted', 'TaskCompleted']);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
    expect(await world.figures(acc)).toEqual({ available: 1_930, held: 0, open: 0 });
    expect((await world.state(id)).assets).toEqual([
      { url: `https://assets.simulator.example/${id}.1.mp4?seconds=5`, mediaType: 'video/mp4', durationSeconds: '5', late: false },
    ]);
  });

  it('is because of the request: every fact carries its correlation, and names the fact before it', async () => {
    const id = await world.submit(await account(), { afterMs: 0 });
    await settledBy(id, 'CreditsConsumed');
    const facts = await world.facts({ taskId: id });
    expect(new Set(facts.map((fact) => fact.correlationId)).size).toBe(1);
    expect(facts.slice(1).map((fact) => fact.causationId)).toEqual(facts.slice(0, -1).map((fact) => fact.id));
    const consumed = (await world.facts({ types: ['CreditsConsumed'] })).find((fact) => fact.data['taskId'] === id);
    expect(consumed).toMatchObject({ correlationId: facts[0]?.correlationId, causationId: facts.at(-1)?.id });
  });

  it('is charged for the part that was delivered', async () => {
    const acc = await account();
    const id = await world.submit(acc, { afterMs: 0, deliveredFraction: 0.5 });
    await settledBy(id, 'CreditsConsumed');
    expect(await world.figures(acc)).toEqual({ available: 1_965, held: 0, open: 0 });
  });

  it('that fails is refunded in full', async () => {
    const acc = await account();
    const id = await world.submit(acc, { outcome: 'fail', afterMs: 0, cost });
    await settledBy(id, 'CreditsRefunded');
    expect((await world.story(id)).at(-1)).toBe('TaskFailed');
    expect(await world.figures(acc)).toEqual(WHOLE);
  });

  it('that is rejected by the provider fails as such and is refunded', async () => {
    const acc = await account();
    const id = await world.submit(acc, { outcome: 'reject' });
    await settledBy(id, 'CreditsRefunded');
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskFailed']);
    expect((await world.state(id)).failure).toMatchObject({ code: 'provider_rejected' });
    expect(await world.figures(acc)).toEqual(WHOLE);
  });

  it('whose submission was lost is looked up, never submitted twice, and completes', async () => {
    const id = await world.submit(await account(), { outcome: 'lost_submit', afterMs: 0 });
    await settledBy(id, 'CreditsConsumed');
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskSubmissionUnknown', 'TaskAccepted', 'TaskCompleted']);
  });

  it('that hangs is timed out at its deadline and refunded', async () => {
    const acc = await account();
    const id = await world.submit(acc, { outcome: 'hang', cost });
    await storyEnds(id, 'TaskAccepted');
    await world.passDeadlines();
    await settledBy(id, 'CreditsRefunded');
    expect((await world.story(id)).at(-1)).toBe('TaskTimedOut');
    expect(await world.figures(acc)).toEqual(WHOLE);
    const [timedOut] = await world.facts({ taskId: id, types: ['TaskTimedOut'] });
    expect(Date.parse(timedOut!.data['decidedAt'] as string)).toBeGreaterThanOrEqual(Date.parse(timedOut!.data['deadlineAt'] as string));
  });

  it('whose result is late keeps the refund, delivers the asset free, and books the cost as absorbed', async () => {
    const acc = await account();
    const id = await world.submit(acc, { outcome: 'late', afterMs: 0, cost });
    await storyEnds(id, 'TaskAccepted');
    await world.passDeadlines();
    await settledBy(id, 'ProviderCostBooked');
    expect((await world.story(id)).slice(-2)).toEqual(['TaskTimedOut', 'LateResultArrived']);
    expect(await world.money(id)).toEqual(['CreditsRefunded', 'ProviderCostBooked']);
    expect(await world.figures(acc)).toEqual(WHOLE);
    expect((await world.state(id)).assets).toMatchObject([{ late: true }]);
    const [booked] = (await world.facts({ types: ['ProviderCostBooked'] })).filter((fact) => fact.data['taskId'] === id);
    expect(booked?.data['providerCost']).toMatchObject({ cost, absorbed: true });
  });

  it('leaves no row behind, but one for a job that may still bring a late result', async () => {
    const acc = await account();
    const done = await world.submit(acc, { afterMs: 150 });
    const hung = await world.submit(acc, { outcome: 'hang' });
    await settledBy(done, 'CreditsConsumed');
    await storyEnds(hung, 'TaskAccepted');
    await world.passDeadlines();
    await settledBy(hung, 'CreditsRefunded');
    const rowsOf = async (): Promise<unknown[]> => (await world.rows()).filter((row) => [done, hung].includes(row.task_id));
    await until('the rows to be written', async () => (await rowsOf()).length === 1);
    await until('the hung one to be settled', async () => (await rowsOf()).some((row) => (row as { is_settled: boolean }).is_settled));
    expect(await rowsOf()).toMatchObject([{ task_id: hung, is_settled: true }]);
  });
});

describe('a cancellation', () => {
  it('of a job that runs is done once the provider confirms, and refunds', async () => {
    const acc = await account();
    const id = await world.submit(acc, { afterMs: 60_000, cost });
    await storyEnds(id, 'TaskAccepted');
    await world.task(id, { type: 'RequestCancellation', reason: null });
    await settledBy(id, 'CreditsRefunded');
    expect((await world.story(id)).slice(-2)).toEqual(['TaskCancellationRequested', 'TaskCancelled']);
    expect(await world.figures(acc)).toEqual(WHOLE);
  });

  it('of a job that hangs is done as well', async () => {
    const id = await world.submit(await account(), { outcome: 'hang' });
    await storyEnds(id, 'TaskAccepted');
    await world.task(id, { type: 'RequestCancellation', reason: 'changed my mind' });
    await settledBy(id, 'CreditsRefunded');
    expect((await world.state(id)).status).toBe('cancelled');
  });
});

describe('a burst', () => {
  it('of hundreds of tasks with mixed outcomes ends with every one settled once and nothing held', async () => {
    const accs = await Promise.all(Array.from({ length: 20 }, () => account()));
    const outcomes = ['succeed', 'fail', 'reject', 'lost_submit', 'succeed'] as const;
    const ids = await Promise.all(
      Array.from({ length: 400 }, (_, index) =>
        world.submit(accs[index % accs.length]!, { outcome: outcomes[index % outcomes.length]!, afterMs: index % 50 }),
      ),
    );
    await until('nothing to be held', async () =>
      (await Promise.all(accs.map((acc) => world.figures(acc)))).every(({ open }) => open === 0),
    );
    const settlements = await world.facts({ types: ['CreditsConsumed', 'CreditsRefunded'] });
    const perTask = new Map(ids.map((id) => [id, 0]));
    for (const fact of settlements) {
      const id = fact.data['taskId'] as string;
      if (perTask.has(id)) perTask.set(id, perTask.get(id)! + 1);
    }
    expect([...perTask.values()].every((times) => times === 1)).toBe(true);
    const charged = settlements.filter((fact) => fact.type === 'CreditsConsumed' && perTask.has(fact.data['taskId'] as string)).length;
    expect(charged).toBe(240);
  });
});
