// What settling promises: whatever ended the task, its reservation ends once, by its own record, however often and by whomever it is asked.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { StoredFact } from '#libs/event-store';
import type { TaskCommand } from '#libs/tasks';
import { receiptOf } from './receipt.js';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';

let house: House;
let app: HouseProcess;
let taskId: string;
const COST = { currency: 'USD', amountMinor: 35 };
const FAILURE = { code: 'content_policy', detail: 'no', blame: 'customer', retryable: false } as const;

beforeEach(async () => {
  house = await House.open();
  app = await house.process();
  await app.account('acc_1');
  taskId = await open();
});

async function open(): Promise<string> {
  const answer = await app.submissions.submit(request(wish(), { correlationId: 'req_submit' }), wish());
  if (!answer.ok) throw new Error(answer.detail);
  return answer.view.id;
}
function complete(overrides: Partial<Extract<TaskCommand, { type: 'Complete' }>> = {}): TaskCommand {
  const assets = [{ url: 'https://cdn/x.mp4', mediaType: 'video/mp4', durationSeconds: '5' }];
  return {
    type: 'Complete',
    attempt: 1,
    assets,
    deliveredFraction: '1',
    actualDurationSeconds: '5',
    cost: COST,
    lateResultPolicy: 'deliver_free',
    ...overrides,
  };
}
function endings(): Promise<StoredFact[]> {
  return app.facts().then((facts) => facts.filter((fact) => fact.type === 'CreditsConsumed' || fact.type === 'CreditsRefunded'));
}
async function receipt() {
  return receiptOf(taskId, await app.facts());
}

describe('settling', () => {
  it('charges what was held where more than all was taken as delivered, whatever the policy is by then', async () => {
    await app.start(taskId);
    await expect(app.task(taskId, complete({ deliveredFraction: '1.5' }))).rejects.toThrow('0 to 1');
    await app.task(taskId, complete({ deliveredFraction: '1.5', excess: 'cap' }));
    await app.settlements.settleFromLog(TENANT, taskId, null);
    const [fact] = await endings();
    expect(fact?.data).toMatchObject({ held: 70, consumed: 70, deliveredFraction: '1.5', overConsumption: 'cap' });
    expect(await app.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
  });

  it('consumes the reservation of a completed task, with the cost of its attempt', async () => {
    await app.start(taskId);
    await app.task(taskId, complete());
    const settled = await app.settlements.settleFromLog(TENANT, taskId, null);
    const [fact] = await endings();
    expect(settled).toMatchObject({ settled: true, position: fact?.position });
    expect(fact).toMatchObject({ type: 'CreditsConsumed', actor: 'settlement', correlationId: 'req_submit' });
    expect(fact?.causationId).toBe((await app.facts({ type: 'TaskCompleted' }))[0]?.id);
    expect(fact?.data).toMatchObject({
      consumed: 70,
      providerCost: [{ attempt: 1, provider: 'simulator', providerJobId: 'job_1', model: 'basic', cost: COST, absorbed: false }],
    });
    expect(await app.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
    expect(await receipt()).toMatchObject({ charged: 70, providerCost: [COST] });
  });

  it('consumes a part, rounded in the customer’s favour, and returns the rest in the same fact', async () => {
    await app.start(taskId);
    await app.task(taskId, complete({ deliveredFraction: '0.333333' }));
    await app.settlements.settleFromLog(TENANT, taskId, null);
    expect((await endings()).map((fact) => [fact.type, fact.data['consumed']])).toEqual([['CreditsConsumed', 23]]);
    expect(await app.figures('acc_1')).toEqual({ available: 1_977, held: 0, open: 0 });
  });

  it.each<[string, TaskCommand[], string]>([
    ['failed', [{ type: 'Fail', attempt: 1, failure: FAILURE, cost: COST, lateResultPolicy: 'discard' }], 'failed: content_policy'],
    [
      'cancelled',
      [
        { type: 'RequestCancellation', reason: null },
        { type: 'Cancel', attempt: 1, cost: COST },
      ],
      'cancelled',
    ],
  ])('refunds a task that %s in full, and absorbs its cost', async (_ending, commands, reason) => {
    await app.start(taskId);
    for (const command of commands) await app.task(taskId, command);
    await app.settlements.settleFromLog(TENANT, taskId, null);
    const [fact] = await endings();
    expect(fact?.type).toBe('CreditsRefunded');
    expect(fact?.data).toMatchObject({ kind: 'hold', credits: 70, reason, providerCost: [{ cost: COST, absorbed: true }] });
    expect(await app.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
    expect(await receipt()).toMatchObject({ charged: 0 });
  });

  it('refunds a task that timed out', async () => {
    await app.start(taskId);
    house.clock.advance(600_000);
    await app.task(taskId, { type: 'TimeOut' });
    await app.settlements.settleFromLog(TENANT, taskId, null);
    expect((await endings())[0]?.data).toMatchObject({ reason: 'timed_out', providerCost: [] });
    expect((await receipt()).statement).toBe('Not charged: the generation timed out and 70 credits were returned.');
  });

  it('does nothing while the task is not over, and nothing for what never held anything', async () => {
    const head = await app.store.head();
    expect(await app.settlements.settleFromLog(TENANT, taskId, null)).toMatchObject({ settled: false });
    expect(await app.settlements.settleFromLog(TENANT, 'task_none', null)).toMatchObject({ settled: false });
    expect(await app.store.head()).toBe(head);
    await app.account('acc_2', 'free');
    const grand = wish({ accountId: 'acc_2', model: 'grand' });
    const refused = await app.submissions.submit(request(grand), grand);
    const rejectedId = refused.ok ? '' : (refused.fields?.['taskId'] as string);
    expect(await app.settlements.settleFromLog(TENANT, rejectedId, null)).toEqual({ settled: true, position: null, facts: [] });
    expect(await endings()).toEqual([]);
  });

  it('settles once, however often, from whichever process, and at the same time', async () => {
    const other = await house.process();
    await other.figures('acc_1');
    await app.start(taskId);
    await app.task(taskId, complete());
    const state = await app.taskState(taskId);
    const cause = { correlationId: 'req_submit', causationId: null };
    const answers = await Promise.all([
      app.settlements.settle(TENANT, state, cause),
      other.settlements.settle(TENANT, state, cause),
      app.settlements.settleFromLog(TENANT, taskId, null),
      other.settlements.settleFromLog(TENANT, taskId, null),
      app.settlements.settle(TENANT, state, cause),
    ]);
    expect(answers.every((answer) => answer.settled)).toBe(true);
    expect(answers.filter((answer) => answer.position !== null).length).toBe(1);
    expect(await app.settlements.settle(TENANT, state, cause)).toMatchObject({ settled: true, position: null });
    expect((await endings()).length).toBe(1);
  });

  it('is not fooled by a process that has not seen the hold', async () => {
    const other = await house.process();
    await other.figures('acc_1');
    const second = await open();
    await app.start(second);
    await app.task(second, complete());
    expect((await other.settlements.settleFromLog(TENANT, second, null)).position).not.toBeNull();
    expect((await endings()).map((fact) => fact.data['taskId'])).toEqual([second]);
  });

  it('is caught up with after a crash between the ending and the settlement', async () => {
    await app.start(taskId);
    await app.task(taskId, complete());
    const afterwards = await house.process();
    expect(await afterwards.figures('acc_1')).toMatchObject({ held: 70, open: 1 });
    await afterwards.settlements.settleFromLog(TENANT, taskId, null);
    await afterwards.settlements.settleFromLog(TENANT, taskId, null);
    expect((await endings()).length).toBe(1);
    expect(await afterwards.figures('acc_1')).toMatchObject({ held: 0, open: 0 });
  });

  it('leaves many tasks of one account settled, each once, when all end together', async () => {
    const ids = [taskId];
    for (let i = 0; i < 19; i += 1) ids.push(await open());
    for (const [index, id] of ids.entries()) {
      await app.start(id);
      await app.task(
        id,
        index % 2 === 0 ? complete() : { type: 'Fail', attempt: 1, failure: FAILURE, cost: null, lateResultPolicy: 'discard' },
      );
    }
    await Promise.all([...ids, ...ids].map((id) => app.settlements.settleFromLog(TENANT, id, null)));
    expect((await endings()).length).toBe(20);
    expect(await app.figures('acc_1')).toEqual({ available: 1_300, held: 0, open: 0 });
  });
});

describe('a late verdict', () => {
  beforeEach(async () => {
    await app.start(taskId);
    house.clock.advance(600_000);
  });

  it('after the refund has its cost booked as absorbed, once, and charges nothing', async () => {
    await app.task(taskId, { type: 'TimeOut' });
    await app.settlements.settleFromLog(TENANT, taskId, null);
    await app.task(taskId, complete());
    const other = await house.process();
    const late = await app.settlements.settleFromLog(TENANT, taskId, null);
    await Promise.all([app, other, other].map((process) => process.settlements.settleFromLog(TENANT, taskId, null)));
    const booked = await app.facts({ type: 'ProviderCostBooked' });
    expect(booked.map((fact) => fact.data)).toMatchObject([
      { taskId, providerCost: { attempt: 1, providerJobId: 'job_1', cost: COST, absorbed: true } },
    ]);
    expect(late.position).toBe(booked[0]?.position);
    expect((await endings()).map((fact) => fact.type)).toEqual(['CreditsRefunded']);
    expect(await receipt()).toMatchObject({ charged: 0, providerCost: [COST] });
  });

  it('that came with the time-out, before the settlement, is booked once as well', async () => {
    await app.task(taskId, complete());
    expect((await app.facts()).slice(-2).map((fact) => fact.type)).toEqual(['TaskTimedOut', 'LateResultArrived']);
    const state = await app.taskState(taskId);
    const cause = { correlationId: 'req_submit', causationId: null };
    const settled = await app.settlements.settle(TENANT, state, cause);
    expect(settled.facts.map((fact) => fact.type)).toEqual(['CreditsRefunded', 'ProviderCostBooked']);
    await app.settlements.settle(TENANT, state, cause);
    expect(await receipt()).toMatchObject({ charged: 0, providerCost: [COST] });
  });

  it('of an attempt given up before the ending has its cost among the ending’s own, once', async () => {
    const other = await house.process();
    const lost = await open();
    await app.start(lost);
    const failure = { code: 'worker_lost', detail: '', blame: 'provider', retryable: true } as const;
    const retryAt = house.clock.now() + 1;
    await app.task(lost, { type: 'FailAttempt', attempt: 1, failure, cost: null, retryAt, lost: true });
    await app.task(lost, { type: 'Dispatch', provider: 'simulator' });
    await app.task(lost, { type: 'Accept', attempt: 2, providerJobId: 'job_2' });
    await app.task(lost, complete());
    await app.task(lost, complete({ attempt: 2 }));
    const state = await app.taskState(lost);
    await app.settlements.settle(TENANT, state, { correlationId: 'req_submit', causationId: null });
    await Promise.all([app, other].map((process) => process.settlements.settleFromLog(TENANT, lost, null)));
    expect(await app.facts({ type: 'ProviderCostBooked' })).toEqual([]);
    const [consumed] = await app.facts({ type: 'CreditsConsumed' });
    expect(consumed?.data['providerCost']).toMatchObject([
      { attempt: 1, cost: COST },
      { attempt: 2, cost: COST },
    ]);
  });

  it('without a cost books nothing', async () => {
    await app.task(taskId, complete({ cost: null }));
    await app.settlements.settleFromLog(TENANT, taskId, null);
    expect(await app.facts({ type: 'ProviderCostBooked' })).toEqual([]);
  });
});

describe('a hold whose grant lapsed meanwhile', () => {
  it('comes back as a grant of its own, and the receipt says so', async () => {
    const end = Date.parse('2026-12-21T20:00:00.000Z');
    await app.start(taskId);
    house.clock.advance(end - house.clock.now() + 1);
    await app.task(taskId, { type: 'TimeOut' });
    const settled = await app.settlements.settleFromLog(TENANT, taskId, null);
    expect(settled.facts.map((fact) => fact.type)).toEqual(['CycleReset', 'CreditsRefunded']);
    expect(await app.figures('acc_1')).toEqual({ available: 2_070, held: 0, open: 0 });
    expect((await receipt()).statement).toContain('70 credits came back as new credits');
  });
});
