// What opening a task promises: the reservation and the task together or neither, and for good the same answer under the same key.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { NO_STREAM, tenantStream } from '#libs/event-store';
import { evolveTask, initialTask, submittedTaskView, type TaskFact } from '#libs/tasks';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';
import type { TaskInput } from './settlement.messages.js';

let house: House;
let app: HouseProcess;

beforeEach(async () => {
  house = await House.open();
  app = await house.process();
  await app.account('acc_1');
});

function submit(input: TaskInput, options: Parameters<typeof request>[1] = {}, process = app) {
  return process.submissions.submit(request(input, options), input);
}
async function accepted(input: TaskInput, options: Parameters<typeof request>[1] = {}, process = app) {
  const answer = await submit(input, options, process);
  if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}

describe('a submission', () => {
  it('holds the credits and opens the task in one append, and answers the pending task', async () => {
    const { view, position, replayed } = await accepted(
      wish({ userId: 'u1', metadata: { shot: '12' }, parameters: { simulate: { outcome: 'succeed' } } }),
    );
    expect(replayed).toBe(false);
    expect(view).toMatchObject({
      accountId: 'acc_1',
      userId: 'u1',
      model: 'basic',
      status: 'pending',
      credits: { quoted: 70, held: 70, consumed: 0, refunded: 0 },
      settlement: 'open',
      prompt: 'a fox in the snow',
      metadata: { shot: '12' },
      priceVersion: 'basic@1',
      quoteId: null,
      createdAt: '2026-11-21T20:00:00.000Z',
      deadlineAt: '2026-11-21T20:10:00.000Z',
      revision: 0,
      position,
    });
    expect(view.id).toMatch(/^task_[0-9a-f]{32}$/);
    const [reserved] = await app.facts({ type: 'CreditsReserved' });
    const [submitted] = await app.facts({ type: 'TaskSubmitted' });
    expect(submitted?.stream).toBe(tenantStream('task', TENANT, view.id));
    expect(submitted?.position).toBe(position);
    expect(reserved?.id.slice(0, -4)).toBe(submitted?.id.slice(0, -4));
    expect(submitted?.data).toMatchObject({
      accountRevision: 1,
      plan: 'pro',
      planVersion: 1,
      provider: 'simulator',
      deadlinePolicy: 'release_now',
      holdUntil: '2026-11-21T20:10:00.000Z',
      drawdown: [{ bucket: 'subscription', credits: 70 }],
    });
    expect(await app.figures('acc_1')).toEqual({ available: 1_930, held: 70, open: 1 });
  });

  it('answers what the tasks’ own rendering of its facts says', async () => {
    const input = wish({ userId: 'u1', metadata: { shot: '12' }, parameters: { deadlineMs: 5_000 } });
    const { view, position } = await accepted(input);
    const [submitted] = await app.facts({ type: 'TaskSubmitted' });
    const state = evolveTask(initialTask(), submitted as unknown as TaskFact);
    const texts = { prompt: 'a fox in the snow', metadata: { shot: '12' } };
    expect(JSON.stringify(view)).toBe(JSON.stringify(submittedTaskView(state, texts, { revision: 0, position })));
  });

  it('keeps prompt and metadata out of what is hashed, and sealed beside it', async () => {
    await accepted(wish({ metadata: { shot: 'secret-12' } }));
    const [submitted] = await app.facts({ type: 'TaskSubmitted' });
    expect(JSON.stringify(submitted?.data)).not.toMatch(/fox|secret-12/);
    expect(submitted?.data['prompt']).toEqual({ $erasable: expect.any(String) });
    const opener = await app.keys.openerFor(TENANT, 'acc_1');
    expect(opener?.open(submitted?.sealed ?? '')).toEqual({ prompt: 'a fox in the snow', metadata: { shot: 'secret-12' } });
  });

  it('takes the deadline from the request, and names the end of a hold by policy', async () => {
    house.policies.deadlinePolicy = 'hold_until_verdict';
    const { view } = await accepted(wish({ parameters: { deadlineMs: 5_000 } }));
    expect(view.deadlineAt).toBe('2026-11-21T20:00:05.000Z');
    const [submitted] = await app.facts({ type: 'TaskSubmitted' });
    expect(submitted?.data).toMatchObject({ deadlinePolicy: 'hold_until_verdict', holdUntil: '2026-11-22T20:00:05.000Z' });
  });

  it('makes no key and no fact for an account that does not exist, or that the key may not see', async () => {
    const before = await app.store.head();
    expect(await submit(wish({ accountId: 'acc_none' }))).toMatchObject({ ok: false, code: 'not_found' });
    expect(await submit(wish({ accountId: 'acc_none', prompt: undefined }))).toMatchObject({ ok: false, code: 'not_found' });
    expect(await submit(wish(), { accounts: ['acc_2'] })).toMatchObject({ ok: false, code: 'not_found' });
    expect(await submit(wish({ accountId: 'a\0b' }))).toMatchObject({ ok: false, code: 'not_found' });
    expect(await app.store.head()).toBe(before);
    expect(await app.keys.openerFor(TENANT, 'acc_none')).toBeNull();
  });

  it.each<[string, TaskInput, object]>([
    ['an unknown model', wish({ model: 'nope' }), { code: 'unknown_model' }],
    ['an unknown parameter', wish({ parameters: { nope: 1 } }), { code: 'validation_failed' }],
    ['another price than expected', wish({ expectedCredits: 60 }), { code: 'price_changed', fields: { expected: 60, actual: 70 } }],
    ['a quote that is none', wish({ quoteId: 'quote_none' }), { code: 'not_found' }],
  ])('refuses %s and writes nothing', async (_name, input, refusal) => {
    const before = await app.store.head();
    expect(await submit(input, { key: 'k' })).toMatchObject({ ok: false, ...refusal });
    expect(await app.store.head()).toBe(before);
  });

  it('accepts the expected price', async () => {
    expect((await accepted(wish({ expectedCredits: 70 }))).view.credits.quoted).toBe(70);
  });

  it('refuses a suspended account, and one with too many open tasks', async () => {
    await app.ledger('acc_1', { type: 'Suspend', reason: 'unpaid' });
    expect(await submit(wish())).toMatchObject({ ok: false, code: 'account_suspended' });
    await app.ledger('acc_1', { type: 'Resume', reason: 'paid' });
    house.policies.openTasksPerAccountMax = 1;
    await accepted(wish());
    expect(await submit(wish())).toMatchObject({ ok: false, code: 'too_many_tasks' });
  });

  it('asks the log before it calls a model unknown that another process listed', async () => {
    const other = await house.process();
    await other.model('newest', { name: 'N', family: 'n', outputType: 'video', durationSeconds: 5, credits: 10, minimumPlan: 'free' });
    expect((await accepted(wish({ model: 'newest' }))).view.credits.quoted).toBe(10);
  });

  it('asks the log before it refuses, for good, an account on a plan that another process defined', async () => {
    const other = await house.process();
    await other.plan('team', 3, 10_000);
    await other.ledger('acc_1', { type: 'ChangePlan', plan: 'team' });
    expect((await accepted(wish({ model: 'grand' }))).view.credits.quoted).toBe(840);
  });
});

describe('a refusal over plan or credits', () => {
  it('is recorded on the task with what it was judged on, and changes no balance', async () => {
    await app.account('acc_2', 'free');
    const revisionBefore = (await app.facts({ stream: tenantStream('account', TENANT, 'acc_2') })).length;
    for (let i = 0; i < 2; i += 1) await accepted(wish({ accountId: 'acc_2' }));
    const answer = await submit(wish({ accountId: 'acc_2' }));
    expect(answer).toMatchObject({ ok: false, code: 'insufficient_credits', fields: { required: 70, available: 60, shortfall: 10 } });
    const [rejected] = await app.facts({ type: 'TaskRejected' });
    if (answer.ok) throw new Error('accepted');
    expect(answer.fields?.['taskId']).toBe(rejected?.data['taskId']);
    expect(answer.position).toBe(rejected?.position);
    expect(rejected?.revision).toBe(NO_STREAM + 1);
    expect(rejected?.data).toMatchObject({
      code: 'insufficient_credits',
      required: 70,
      available: 60,
      shortfall: 10,
      requiredPlan: 'free',
      accountPlan: 'free',
      accountRevision: revisionBefore + 1,
      burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
      drawdown: [{ bucket: 'subscription', credits: 60 }],
    });
    expect(await app.figures('acc_2')).toEqual({ available: 60, held: 140, open: 2 });
  });

  it('names the plan that is needed, before it looks at the credits', async () => {
    await app.account('acc_2', 'free');
    const answer = await submit(wish({ accountId: 'acc_2', model: 'grand' }));
    expect(answer).toMatchObject({ ok: false, code: 'plan_required', fields: { requiredPlan: 'max', accountPlan: 'free' } });
    const [rejected] = await app.facts({ type: 'TaskRejected' });
    expect(rejected?.data).toMatchObject({ code: 'plan_required', required: 840, drawdown: [] });
  });
});

describe('a quote', () => {
  it('keeps its price, its parameters and a model that was retired since', async () => {
    const quote = await app.quote('acc_1', 'sized', { parameters: { durationSeconds: 7.5, resolution: '1080p' } });
    await app.price('sized', 500);
    await app.retire('sized');
    const { view } = await accepted(wish({ model: 'sized', quoteId: quote.id }));
    expect(view).toMatchObject({
      credits: { quoted: 143 },
      priceVersion: 'sized@1',
      quoteId: quote.id,
      parameters: { durationSeconds: '7.5', resolution: '1080p' },
    });
  });

  it('keeps a fraction among its parameters, and all others that it was made for', async () => {
    const parameters = { durationSeconds: 7.5, seed: 4, simulate: { deliveredFraction: 0.5 } };
    const quote = await app.quote('acc_1', 'sized', { quantity: 3, parameters });
    const kept = { durationSeconds: '7.5', seed: 4, simulate: { deliveredFraction: '0.5' } };
    expect((await accepted(wish({ model: 'sized', quoteId: quote.id }))).view).toMatchObject({ credits: { quoted: 95 }, parameters: kept });
    expect((await accepted(wish({ model: 'sized', quoteId: quote.id, parameters }))).view.parameters).toEqual(kept);
    const strings = await submit(wish({ model: 'sized', quoteId: quote.id, parameters: { durationSeconds: '7.5' } }));
    expect(strings).toMatchObject({ code: 'validation_failed' });
  });

  it('takes over the parameters that decide the price, and leaves the others to the task', async () => {
    const quote = await app.quote('acc_1', 'sized', { parameters: { durationSeconds: 10 } });
    const { view } = await accepted(wish({ model: 'sized', quoteId: quote.id, parameters: { seed: 4 } }));
    expect(view).toMatchObject({ credits: { quoted: 120 }, parameters: { durationSeconds: 10, seed: 4 } });
  });

  it('is no price for other parameters, another model or another account', async () => {
    await app.account('acc_2');
    const quote = await app.quote('acc_1', 'sized', { quantity: 5, parameters: { durationSeconds: 10 } });
    const { id: quoteId } = quote;
    expect(await submit(wish({ model: 'sized', quoteId, parameters: { durationSeconds: 60 } }))).toMatchObject({ code: 'conflict' });
    expect(await submit(wish({ model: 'sized', quoteId, parameters: { resolution: '1080p' } }))).toMatchObject({ code: 'conflict' });
    expect(await submit(wish({ model: 'basic', quoteId }))).toMatchObject({ code: 'conflict' });
    expect(await submit(wish({ accountId: 'acc_2', model: 'sized', quoteId }))).toMatchObject({ code: 'not_found' });
    expect(await app.facts({ type: 'TaskRejected' })).toEqual([]);
  });

  it('is used as often as it was made for, and not after its end', async () => {
    const twice = await app.quote('acc_1', 'basic', { quantity: 2 });
    await accepted(wish({ quoteId: twice.id }));
    await accepted(wish({ quoteId: twice.id }));
    expect(await submit(wish({ quoteId: twice.id }))).toMatchObject({ code: 'conflict' });
    const brief = await app.quote('acc_1', 'basic', { lifeMs: 1_000 });
    house.clock.advance(1_000);
    expect(await submit(wish({ quoteId: brief.id }))).toMatchObject({ code: 'quote_expired' });
  });
});

describe('an idempotency key', () => {
  it('answers the same body again, and writes nothing', async () => {
    const first = await accepted(wish({ metadata: { a: '1' } }), { key: 'k1' });
    const head = await app.store.head();
    house.clock.advance(60_000);
    const other = await house.process();
    const again = await accepted(wish({ metadata: { a: '1' } }), { key: 'k1' }, other);
    expect(again.replayed).toBe(true);
    expect(JSON.stringify(again.view)).toBe(JSON.stringify(first.view));
    expect(again.position).toBe(first.position);
    expect(await app.store.head()).toBe(head);
  });

  it('refuses another body, another text in it, and another path', async () => {
    await accepted(wish(), { key: 'k1' });
    const reused = { ok: false, code: 'idempotency_key_reused' };
    expect(await submit(wish({ prompt: 'a wolf' }), { key: 'k1' })).toMatchObject(reused);
    expect(await submit(wish({ model: 'sized' }), { key: 'k1' })).toMatchObject(reused);
    expect(await submit(wish(), { key: 'k1', path: '/v1/other' })).toMatchObject(reused);
    expect((await app.facts({ type: 'TaskSubmitted' })).length).toBe(1);
  });

  it.each<[string, Partial<TaskInput>, () => Promise<unknown>]>([
    [
      'insufficient_credits',
      { model: 'basic' },
      () =>
        app.ledger('acc_2', {
          type: 'GrantCredits',
          bucket: 'purchased',
          credits: 5_000,
          expiresAt: null,
          reference: null,
          costBasis: null,
        }),
    ],
    ['plan_required', { model: 'grand' }, () => app.ledger('acc_2', { type: 'ChangePlan', plan: 'max' })],
  ])('keeps a refusal %s for good, whatever the account has since', async (code, overrides, change) => {
    await app.account('acc_2', 'free');
    if (code === 'insufficient_credits') for (let i = 0; i < 2; i += 1) await accepted(wish({ accountId: 'acc_2' }));
    const input = wish({ accountId: 'acc_2', ...overrides });
    const first = await submit(input, { key: 'k1' });
    expect(first).toMatchObject({ ok: false, code, replayed: false });
    await change();
    const again = await submit(input, { key: 'k1' });
    expect(again).toEqual({ ...first, replayed: true });
    expect((await submit(input, { key: 'k2' })).ok).toBe(true);
  });

  it('keeps no other refusal', async () => {
    expect(await submit(wish({ expectedCredits: 90 }), { key: 'k1' })).toMatchObject({ code: 'price_changed' });
    await app.price('basic', 90);
    await accepted(wish({ expectedCredits: 90 }), { key: 'k1' });
  });

  it('opens one task for requests that come at once, in one process or in two', async () => {
    const other = await house.process();
    const processes = [app, other, app, other, other, app];
    const answers = await Promise.all(processes.map((process) => accepted(wish(), { key: 'k1' }, process)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.view))).size).toBe(1);
    expect(answers.filter((answer) => !answer.replayed).length).toBe(1);
    expect((await app.facts({ type: 'TaskSubmitted' })).length).toBe(1);
    expect(await app.figures('acc_1')).toEqual({ available: 1_930, held: 70, open: 1 });
  });
});

describe('parallel submissions', () => {
  it.each([1, 2])('accept exactly what the credits pay for, in %d process(es)', async (count) => {
    await app.account('acc_2', 'free');
    await app.model('small', { name: 'S', family: 's', outputType: 'image', credits: 20, minimumPlan: 'free' });
    const processes = await Promise.all(Array.from({ length: count }, () => house.process()));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => submit(wish({ accountId: 'acc_2', model: 'small' }), {}, processes[index % count])),
    );
    expect(answers.filter((answer) => answer.ok).length).toBe(10);
    expect(answers.filter((answer) => !answer.ok && answer.code === 'insufficient_credits').length).toBe(190);
    expect(await app.figures('acc_2')).toEqual({ available: 0, held: 200, open: 10 });
    expect((await app.facts({ type: 'TaskSubmitted' })).length).toBe(10);
    expect((await app.facts({ type: 'TaskRejected' })).length).toBe(190);
  });
});
