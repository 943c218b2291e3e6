import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until, World } from './testing/test-world.js';

describe('a life on the simulator', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
    await world.orchestrator();
    await world.account('acc_1');
  });
  afterAll(() => world.close());

  const ended = async (taskId: string, type: string): Promise<void> => {
    await until(`${taskId} to be settled by ${type}`, async () => (await world.money(taskId)).includes(type));
  };

  it('dispatches, is accepted, completes and is charged, each once and in this order', async () => {
    const id = await world.submit('acc_1', { afterMs: 20, cost: { currency: 'USD', amountMinor: 5 } });
    await ended(id, 'CreditsConsumed');
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted', 'TaskCompleted']);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
    expect(await world.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
  });
});
