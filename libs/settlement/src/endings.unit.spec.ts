// What a customer and support may do to a task: stop it, have credits given back, take a late result; each once, whatever comes at once.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { tenantStream } from '#libs/event-store';
import type { TaskCommand } from '#libs/tasks';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';

let house: House;
let app: HouseProcess;
let taskId: string;

beforeEach(async () => {
  house = await House.open();
  app = await house.process();
  await app.account('acc_1');
  taskId = await open();
});

async function open(): Promise<string> {
  const answer = await app.submissions.submit(request(wish()), wish());
  if (!answer.ok) throw new Error(answer.detail);
  return answer.view.id;
}
function complete(overrides: Partial<Extract<TaskCommand, { type: 'Complete' }>> = {}): TaskCommand {
  return {
    type: 'Complete',
    attempt: 1,
    assets: [{ url: 'https://cdn/x.mp4', mediaType: 'video/mp4', durationSeconds: '5' }],
    deliveredFraction: '1',
    actualDurationSeconds: '5',
    cost: { currency: 'USD', amountMinor: 35 },
    lateResultPolicy: 'offer',
    ...overrides,
  };
}
const typesOf = async (types: RegExp): Promise<string[]> => (await app.facts()).map((fact) => fact.type).filter((type) => types.test(type));

type Options = { key?: string; process?: HouseProcess; id?: string; accounts?: string[] };

function cancel({ process = app, id = taskId, ...options }: Options = {}) {
  const path = `/v1/tasks/${id}/cancel`;
  return process.cancellations.cancel(request({ reason: 'changed my mind' }, { path, ...options }), id, 'changed my mind');
}
async function cancelled(options?: Options) {
  const answer = await cancel(options);
  if (!answer.ok) throw new Error(`refused: ${answer.code}`);
  return answer;
}

describe('a cancellation', () => {
  it('before anything runs ends the task and returns its credits in one append', async () => {
    const { view, position } = await cancelled();
    expect(view).toMatchObject({
      outcome: 'done',
      task: {
        id: taskId,
        status: 'cancelled',
        credits: { quoted: 70, held: 0, consumed: 0, refunded: 70 },
        settlement: 'refunded',
        prompt: 'a fox in the snow',
        position,
      },
    });
    const facts = (await app.facts()).slice(-3);
    expect(facts.map((fact) => fact.type)).toEqual(['CreditsRefunded', 'TaskCancellationRequested', 'TaskCancelled']);
    expect(new Set(facts.map((fact) => fact.id.slice(0, -4))).size).toBe(1);
    expect(await app.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
    expect(await app.settlements.settleFromLog(TENANT, taskId, null)).toMatchObject({ settled: true, position: null });
  });

  it('of a live attempt is a request, and moves no money', async () => {
    await app.start(taskId);
    const { view } = await cancelled();
    expect(view).toMatchObject({ outcome: 'requested', task: { status: 'processing', credits: { held: 70 }, settlement: 'open' } });
    expect((await cancelled()).view.outcome).toBe('requested');
    expect(await typesOf(/^TaskCancel/)).toEqual(['TaskCancellationRequested']);
  });

  it('of what is over is too late, and answers what it cost', async () => {
    await app.start(taskId);
    await app.task(taskId, complete({ deliveredFraction: '0.5' }));
    const { view } = await cancelled();
    expect(view).toMatchObject({
      outcome: 'too_late',
      task: { status: 'completed', credits: { held: 0, consumed: 35, refunded: 35 }, settlement: 'partial' },
    });
    expect(await typesOf(/^CreditsConsumed/)).toEqual(['CreditsConsumed']);
  });

  it('that comes after the deadline meets the time-out', async () => {
    house.clock.advance(600_000);
    const { view } = await cancelled();
    expect(view).toMatchObject({ outcome: 'too_late', task: { status: 'timed_out', settlement: 'refunded' } });
    expect(await app.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it.each<['done' | 'requested' | 'too_late', () => Promise<void>]>([
    ['done', async () => undefined],
    ['requested', () => app.start(taskId)],
    [
      'too_late',
      async () => {
        await app.start(taskId);
        await app.task(taskId, complete());
      },
    ],
  ])('that was %s answers the same under the same key, whatever happened since', async (outcome, prepare) => {
    await prepare();
    const first = await cancelled({ key: 'c1' });
    expect(first.view.outcome).toBe(outcome);
    if (outcome === 'requested') await app.task(taskId, complete());
    house.clock.advance(10_000);
    if (outcome === 'too_late') await app.goodwill.refund(request({}), taskId, { credits: 10, reason: 'sorry' });
    const again = await cancelled({ key: 'c1', process: await house.process() });
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first, replayed: true }));
  });

  it('happens once when it comes from everywhere at once', async () => {
    const other = await house.process();
    const answers = await Promise.all([app, other, app, other, app].map((process) => cancelled({ process })));
    expect(answers.map((answer) => answer.view.outcome)).toEqual(['done', 'done', 'done', 'done', 'done']);
    expect(await typesOf(/^(TaskCancelled|CreditsRefunded)$/)).toEqual(['CreditsRefunded', 'TaskCancelled']);
  });

  it('races the dispatch to one outcome', async () => {
    const other = await house.process();
    const [answer] = await Promise.all([
      cancelled(),
      other.task(taskId, { type: 'Dispatch', provider: 'simulator' }).catch(() => undefined),
    ]);
    const state = await app.taskState(taskId);
    const { held } = await app.figures('acc_1');
    expect([answer.view.outcome, state.status, held]).toEqual(
      state.attempts.length === 0 ? ['done', 'cancelled', 0] : ['requested', 'processing', 70],
    );
  });

  it('of no task, or of one that the key may not see, is not found', async () => {
    expect(await cancel({ id: 'task_none' })).toMatchObject({ ok: false, code: 'not_found' });
    expect(await cancel({ id: `task_${'0'.repeat(32)}` })).toMatchObject({ ok: false, code: 'not_found' });
    expect(await cancel({ accounts: ['acc_2'] })).toMatchObject({ ok: false, code: 'not_found' });
  });
});

describe('goodwill', () => {
  const reason = 'poor quality';
  function refund(credits: number, { process = app, id = taskId, ...options }: Options = {}) {
    const path = `/v1/tasks/${id}/refunds`;
    return process.goodwill.refund(request({ credits, reason }, { path, ...options }), id, { credits, reason });
  }
  async function refunded(credits: number, options?: Options) {
    const answer = await refund(credits, options);
    if (!answer.ok) throw new Error(`refused: ${answer.code}`);
    return answer;
  }
  async function end(overrides: Partial<Extract<TaskCommand, { type: 'Complete' }>> = {}): Promise<void> {
    await app.start(taskId);
    await app.task(taskId, complete(overrides));
    await app.settlements.settleFromLog(TENANT, taskId, null);
  }

  it('gives back part of what was consumed, and answers the receipt', async () => {
    await end();
    const { view, position } = await refunded(30);
    expect(view).toMatchObject({ taskId, charged: 40, position });
    expect(view.statement).toBe('Charged 40 credits: 70 credits were consumed; 30 credits were given back as goodwill.');
    expect(view.lines.map((line) => [line.what, line.credits])).toEqual([
      ['quoted', 70],
      ['held', 70],
      ['consumed', 70],
      ['refunded', 30],
    ]);
    expect(view.lines.at(-1)?.position).toBe(position);
    expect(await app.figures('acc_1')).toEqual({ available: 1_960, held: 0, open: 0 });
  });

  it('settles a completed task first, when nobody has yet', async () => {
    await app.start(taskId);
    await app.task(taskId, complete());
    expect((await refunded(70)).view.charged).toBe(0);
  });

  it('never exceeds what was consumed, however often and from wherever it is asked for', async () => {
    await end({ deliveredFraction: '0.5' });
    expect(await refund(36)).toMatchObject({ ok: false, code: 'conflict', fields: { consumed: 35, refundable: 35 } });
    const other = await house.process();
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => refund(10, { process: index % 2 === 0 ? app : other })));
    expect(answers.filter((answer) => answer.ok).length).toBe(3);
    expect(answers.filter((answer) => !answer.ok && answer.code === 'conflict').length).toBe(5);
    expect((await refunded(5)).view.charged).toBe(0);
    expect(await refund(1)).toMatchObject({ code: 'conflict' });
    expect(await app.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it('is refused where nothing was consumed', async () => {
    expect(await refund(1)).toMatchObject({ ok: false, code: 'already_settled' });
    await cancelled();
    expect(await refund(1)).toMatchObject({ ok: false, code: 'already_settled' });
    expect(await refund(1, { id: `task_${'0'.repeat(32)}` })).toMatchObject({ ok: false, code: 'not_found' });
    expect(await refund(1, { accounts: [] })).toMatchObject({ ok: false, code: 'not_found' });
  });

  it.each([0, -1, 1.5, 1e20])('of %p credits is refused, and so is one without a reason', async (credits) => {
    await end();
    expect(await refund(credits)).toMatchObject({ ok: false, code: 'validation_failed' });
    expect(await app.goodwill.refund(request({}), taskId, { credits: 1, reason: ' ' })).toMatchObject({
      ok: false,
      code: 'validation_failed',
    });
  });

  it('answers the same receipt under the same key, whatever was given since', async () => {
    await end();
    const first = await refunded(10, { key: 'g1' });
    await refunded(20);
    const again = await refunded(10, { key: 'g1', process: await house.process() });
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first, replayed: true }));
    expect(await refund(11, { key: 'g1' })).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await app.figures('acc_1')).toMatchObject({ available: 1_960 });
  });

  it('waits for an index that is behind, and says so when it does not come', async () => {
    await end();
    app.index.stoppedAt = '0000000000000000';
    expect(await refund(10)).toMatchObject({ ok: false, code: 'not_ready' });
    expect(await typesOf(/^CreditsRefunded$/)).toEqual([]);
  });
});

describe('a late result on offer', () => {
  async function offer(overrides: Partial<Extract<TaskCommand, { type: 'Complete' }>> = {}): Promise<void> {
    await app.start(taskId);
    house.clock.advance(600_000);
    await app.task(taskId, complete(overrides));
    await app.settlements.settleFromLog(TENANT, taskId, null);
  }
  function accept({ process = app, id = taskId, ...options }: Options = {}) {
    return process.lateResults.accept(request({}, { path: `/v1/tasks/${id}/late-result/accept`, ...options }), id);
  }
  async function taken(options?: Options) {
    const answer = await accept(options);
    if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
    return answer;
  }
  async function spendAll(): Promise<void> {
    const { available } = await app.figures('acc_1');
    const [grant] = await app.accounts.read(tenantStream('account', TENANT, 'acc_1'), (state) => [...state.grants.keys()]);
    expect(available).toBeGreaterThan(0);
    await app.ledger('acc_1', { type: 'RevokeGrant', grantId: grant ?? '', reason: 'test' });
  }

  it('is charged at the quoted price and shows its asset, in one append', async () => {
    await offer();
    const { view, position } = await taken();
    expect(view).toMatchObject({
      status: 'timed_out',
      credits: { quoted: 70, held: 0, consumed: 70, refunded: 70 },
      assets: [{ late: true }],
      lateResult: { accepted: true },
      position,
    });
    const facts = (await app.facts()).slice(-3);
    expect(facts.map((fact) => fact.type)).toEqual(['CreditsReserved', 'CreditsConsumed', 'LateResultAccepted']);
    expect(await app.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
    expect(await typesOf(/^ProviderCostBooked$/)).toEqual(['ProviderCostBooked']);
  });

  it('can be given back as goodwill', async () => {
    await offer();
    await taken();
    const answer = await app.goodwill.refund(request({}), taskId, { credits: 70, reason: 'sorry' });
    expect(answer).toMatchObject({ ok: true, view: { charged: 0 } });
  });

  it('is charged once, however often it is taken', async () => {
    await offer();
    const other = await house.process();
    const answers = await Promise.all([app, other, app, other].map((process) => taken({ process })));
    expect(new Set(answers.map((answer) => answer.view.credits.consumed))).toEqual(new Set([70]));
    expect(await typesOf(/^(CreditsConsumed|LateResultAccepted)$/)).toEqual(['CreditsConsumed', 'LateResultAccepted']);
  });

  it('is refused where none waits', async () => {
    expect(await accept()).toMatchObject({ ok: false, code: 'conflict' });
    await offer({ lateResultPolicy: 'deliver_free' });
    expect(await accept()).toMatchObject({ ok: false, code: 'conflict' });
    expect(await accept({ id: `task_${'0'.repeat(32)}` })).toMatchObject({ ok: false, code: 'not_found' });
  });

  it('is refused without the credits, for good under the same key', async () => {
    await offer();
    await spendAll();
    const first = await accept({ key: 'l1' });
    expect(first).toMatchObject({ ok: false, code: 'insufficient_credits', fields: { required: 70, available: 0, shortfall: 70 } });
    await app.ledger('acc_1', {
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 500,
      expiresAt: null,
      reference: null,
      costBasis: null,
    });
    expect(await accept({ key: 'l1' })).toEqual({ ...first, replayed: true });
    const second = await taken({ key: 'l2' });
    const again = await taken({ key: 'l2', process: await house.process() });
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...second, replayed: true }));
  });
});
