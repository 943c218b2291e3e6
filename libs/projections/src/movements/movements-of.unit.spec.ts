import { describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#libs/event-store';
import { ManualClock, POLICIES, START, World } from '../testing/world.js';
import { type Movement, movementsOf } from './movements-of.js';

const DAY_MS = 86_400_000;

/** The movements of an account's whole history. */
async function movementsIn(world: World, accountId: string): Promise<Movement[]> {
  const movements: Movement[] = [];
  for (const fact of await world.store.readStream(`account-t1.${accountId}`)) movementsOf(fact, movements);
  return movements;
}

function worldOf(lapsedRefund: 'grace' | 'expire'): World {
  const clock = new ManualClock(START);
  return new World(new MemoryEventStore(clock), clock, 't1', { ...POLICIES, lapsedRefund });
}

/** Holds promotional credits, lets their grant lapse, and ends the task in failure. */
async function refundToLapsed(world: World): Promise<string> {
  await world.open('acc', 'free');
  const expiresAt = START + DAY_MS;
  await world.account('acc', { type: 'GrantCredits', bucket: 'promotional', credits: 50, expiresAt, reference: null, costBasis: null });
  const taskId = await world.submit('acc', { credits: 230 });
  world.clock.at = expiresAt;
  await world.task(taskId, { type: 'TimeOut' });
  await world.settle(taskId);
  return taskId;
}

describe('movements of a fact', () => {
  it('a hold that comes back after its grant lapsed, reissued: refunded on the new grant, and none on the old', async () => {
    const world = worldOf('grace');
    const taskId = await refundToLapsed(world);
    const refunds = (await movementsIn(world, 'acc')).filter(({ type }) => type === 'refunded');
    expect(
      refunds.map(({ bucket, credits, availableBefore, availableAfter, taskId: task }) => [
        bucket,
        credits,
        availableBefore,
        availableAfter,
        task,
      ]),
    ).toEqual([
      ['subscription', 200, 0, 200, taskId],
      ['promotional', 30, 0, 30, taskId],
    ]);
    const grants = world.accounts.get('acc')?.state.grants;
    expect(grants?.get(refunds[1]?.grantId ?? '')?.reissuedFrom).not.toBeNull();
    expect(refunds[1]?.reason).toBe('timed_out');
  });

  it('the same under policy expire: refunded, then expired with the task named', async () => {
    const world = worldOf('expire');
    const taskId = await refundToLapsed(world);
    const promotional = (await movementsIn(world, 'acc')).filter(({ bucket, taskId: task }) => bucket === 'promotional' && task === taskId);
    expect(promotional.map(({ type, credits }) => [type, credits])).toEqual([
      ['reserved', -30],
      ['refunded', 30],
      ['expired', -30],
    ]);
  });

  it('a lapse takes effect at the end of its grant, whenever it was booked', async () => {
    const world = worldOf('grace');
    await world.open('acc', 'free');
    const expiresAt = START + DAY_MS;
    await world.account('acc', { type: 'GrantCredits', bucket: 'referral', credits: 9, expiresAt, reference: null, costBasis: null });
    world.clock.at = expiresAt + 5 * DAY_MS;
    await world.account('acc', { type: 'BookDue' });
    const last = (await movementsIn(world, 'acc')).at(-1);
    expect(last).toMatchObject({ type: 'expired', credits: -9, effectiveAt: expiresAt, fact: { recordedAt: expiresAt + 5 * DAY_MS } });
  });

  it('a revocation takes what is available, and a hold of it when it comes back', async () => {
    const world = worldOf('grace');
    await world.open('acc', 'free');
    const grantId = [...(world.accounts.get('acc')?.state.grants.keys() ?? [])][0] as string;
    const taskId = await world.submit('acc', { credits: 60 });
    await world.account('acc', { type: 'RevokeGrant', grantId, reason: 'chargeback' });
    await world.task(taskId, { type: 'RequestCancellation', reason: null });
    await world.settle(taskId);
    const movements = await movementsIn(world, 'acc');
    expect(movements.slice(2).map(({ type, credits, reason }) => [type, credits, reason])).toEqual([
      ['revoked', -140, 'chargeback'],
      ['refunded', 60, 'cancelled'],
      ['revoked', -60, 'A hold of a revoked grant came back.'],
    ]);
    expect(movements.reduce((sum, { credits }) => sum + credits, 0)).toBe(0);
  });

  it('goodwill is refunded with its reason, on the grant that it went back to', async () => {
    const world = worldOf('grace');
    await world.open('acc', 'free');
    const taskId = await world.submit('acc', { credits: 60 });
    await world.run(taskId);
    const grantId = [...(world.accounts.get('acc')?.state.grants.keys() ?? [])][0] as string;
    const consumed = [{ grantId, credits: 60 }];
    await world.account('acc', {
      type: 'RefundGoodwill',
      taskId,
      reservationId: taskId,
      model: 'kling-ai-5s',
      credits: 25,
      reason: 'blurred',
      consumed,
    });
    expect((await movementsIn(world, 'acc')).at(-1)).toMatchObject({
      type: 'refunded',
      credits: 25,
      consumed: 0,
      reason: 'blurred',
      grantId,
      taskId,
    });
  });
});
