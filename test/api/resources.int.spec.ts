import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { TAGS_ELSEWHERE, unseenOperations } from './openapi-check.js';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';

let world: ApiWorld;
const get = (path: string): Promise<Answer> => world.call('GET', path);
const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  world.call('POST', path, body, { headers });
const put = (path: string, body: unknown): Promise<Answer> => world.call('PUT', path, body);

beforeAll(async () => {
  world = await createApiWorld({ LATE_RESULT: 'offer', TEST_CLOCK: '1', OPEN_TASKS_PER_ACCOUNT_MAX: '5' });
});
afterAll(() => world.close());

async function open(id: string, plan = 'pro', more: object = {}): Promise<void> {
  const opened = await post('/v1/accounts', { id, name: 'Moss Media', plan, ...more });
  expect(opened.status).toBe(201);
}
const submit = (accountId: string, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  post('/v1/tasks', { accountId, model: 'kling-ai-5s', prompt: 'iced tea', ...more }, headers);

/** The SSE answer ends by itself when the task is settled. */
async function ended(taskId: string): Promise<Answer> {
  await world.call('GET', `/v1/tasks/${taskId}/events`, undefined, { headers: { accept: 'text/event-stream' } });
  return get(`/v1/tasks/${taskId}`);
}

describe('accounts', () => {
  it('open on a plan with its allowance, and are read at once by whoever opened them', async () => {
    const opened = await post('/v1/accounts', {
      id: 'acc.One-1',
      name: 'Möss',
      plan: 'pro',
      timezone: 'Europe/Berlin',
      billingAnchor: '2026-11-05T00:00:00+01:00',
    });
    expect(opened.status).toBe(201);
    expect(opened.headers['location']).toBe('/v1/accounts/acc.One-1');
    expect(opened.headers['position']).toBe(opened.body.position);
    expect(opened.body).toMatchObject({
      id: 'acc.One-1',
      name: 'Möss',
      plan: 'pro',
      pendingPlan: null,
      timezone: 'Europe/Berlin',
      status: 'active',
      forgotten: false,
    });
    const read = await get('/v1/accounts/acc.One-1');
    expect(read.body).toEqual(opened.body);
    const balance = await get('/v1/accounts/acc.One-1/balance');
    expect(balance.body).toMatchObject({
      available: 2000,
      held: 0,
      frozen: 0,
      debt: 0,
      buckets: { subscription: { available: 2000 } },
      nextReset: { allowance: 2000 },
    });
  });

  it('get an id of ours when they bring none, and 409 already_exists when theirs is taken', async () => {
    const opened = await post('/v1/accounts', { name: 'A', plan: 'free' });
    expect(opened.body.id).toMatch(/^acc_/);
    const again = await post('/v1/accounts', { id: opened.body.id, name: 'B', plan: 'free' });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists' } });
  });

  it('are refused an unknown plan with 400', async () => {
    expect(await post('/v1/accounts', { name: 'A', plan: 'platinum' })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ pointer: '/plan' }] },
    });
  });

  it('are listed in pages that stay put under writes', async () => {
    for (const id of ['list-1', 'list-2', 'list-3']) await open(id, 'free');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Answer = await get(`/v1/accounts?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
      expect(page.status).toBe(200);
      seen.push(...page.body.data.map((account: { id: string }) => account.id));
      cursor = page.body.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(['list-1', 'list-2', 'list-3']));
  });

  it('move between plans: up at once, down at the next reset', async () => {
    await open('plans', 'free');
    expect(await post('/v1/accounts/plans/plan', { plan: 'pro' })).toMatchObject({ status: 200, body: { plan: 'pro', pendingPlan: null } });
    expect((await get('/v1/accounts/plans/balance')).body.available).toBe(2000);
    expect(await post('/v1/accounts/plans/plan', { plan: 'free' })).toMatchObject({
      status: 200,
      body: { plan: 'pro', pendingPlan: 'free', nextReset: { allowance: 200 } },
    });
    expect(await post('/v1/accounts/plans/plan', { plan: 'nope' })).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });

  it('are reset by an operator, who leaves the next boundary where it is', async () => {
    await open('reset');
    const before = await get('/v1/accounts/reset/balance');
    await submit('reset', { parameters: { simulate: { outcome: 'hang' } } });
    const reset = await post('/v1/accounts/reset/cycle-reset', { reason: 'moved billing' });
    expect(reset).toMatchObject({ status: 200, body: { held: 70, buckets: { subscription: { available: 2000 } } } });
    expect(reset.body.nextReset.at).toBe(before.body.nextReset.at);
    const movements = await get('/v1/accounts/reset/movements?type=reset');
    expect(movements.body.data.map((movement: { credits: number }) => movement.credits)).toEqual([-1930, 2000]);
  });

  it('are suspended from submitting, not from quoting and reading', async () => {
    await open('late-payer');
    expect(await post('/v1/accounts/late-payer/suspend', { reason: 'unpaid' })).toMatchObject({
      status: 200,
      body: { status: 'suspended' },
    });
    expect(await submit('late-payer')).toMatchObject({ status: 403, body: { code: 'account_suspended' } });
    expect((await post('/v1/quotes', { accountId: 'late-payer', model: 'kling-ai-5s' })).status).toBe(201);
    expect((await get('/v1/accounts/late-payer/balance')).status).toBe(200);
    expect(await post('/v1/accounts/late-payer/resume', { reason: 'paid' })).toMatchObject({ status: 200, body: { status: 'active' } });
    expect((await submit('late-payer')).status).toBe(202);
  });
});

describe('credits', () => {
  it('are granted, listed with where they went, and taken back', async () => {
    await open('grants', 'free');
    const granted = await post('/v1/accounts/grants/grants', {
      bucket: 'purchased',
      credits: 500,
      reference: 'invoice-1',
      costBasis: { currency: 'USD', amountMinor: 4999 },
      expiresAt: '2030-01-01T00:00:00Z',
    });
    expect(granted).toMatchObject({
      status: 201,
      body: {
        bucket: 'purchased',
        credits: 500,
        available: 500,
        costBasis: { currency: 'USD', amountMinor: 4999 },
        recognisedMinor: 0,
        deferredMinor: 4999,
      },
    });
    const listed = await get('/v1/accounts/grants/grants');
    expect(listed.body.data.map((grant: { bucket: string }) => grant.bucket)).toEqual(['subscription', 'purchased']);
    expect(listed.body.data[1]).toEqual(granted.body);
    const revoked = await post(`/v1/accounts/grants/grants/${granted.body.id}/revoke`, { reason: 'chargeback' });
    expect(revoked).toMatchObject({ status: 200, body: { available: 0, revoked: 500 } });
    expect(await post('/v1/accounts/grants/grants/grant_nobody/revoke', { reason: 'x' })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });

  it('take a cost basis only where something was sold', async () => {
    await open('basis', 'free');
    for (const bad of [
      { bucket: 'promotional', credits: 5, reference: 'r', costBasis: { currency: 'USD', amountMinor: 5 } },
      { bucket: 'purchased', credits: 5, reference: 'r', costBasis: { currency: 'XXQ', amountMinor: 5 } },
      { bucket: 'purchased', credits: 5, reference: 'r', costBasis: { currency: 'usd', amountMinor: 5 } },
      { bucket: 'purchased', credits: 5, reference: 'r', costBasis: { currency: 'USD', amountMinor: -5 } },
      { bucket: 'purchased', credits: 5, reference: 'r', costBasis: { currency: 'USD', amountMinor: 0.5 } },
      { bucket: 'purchased', credits: 5, reference: 'r', expiresAt: '2020-01-01T00:00:00Z' },
      { bucket: 'purchased', credits: 5 },
      { bucket: 'purchased', credits: 0, reference: 'r' },
      { bucket: 'purchased', credits: 1.5, reference: 'r' },
      { bucket: 'purchased', credits: 1e300, reference: 'r' },
      { bucket: 'purchased', credits: '5', reference: 'r' },
    ])
      expect(await post('/v1/accounts/basis/grants', bad)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ pointer: expect.stringMatching(/^\//) }] },
      });
    expect((await get('/v1/accounts/basis/balance')).body.available).toBe(200);
  });

  it('show as they stood at an instant, facts at that instant included', async () => {
    const opened = await post('/v1/accounts', { id: 'past', name: 'P', plan: 'free' });
    const grant = await post('/v1/accounts/past/grants', { bucket: 'promotional', credits: 10, reference: 'r' });
    const [movement] = (await get('/v1/accounts/past/movements?bucket=promotional')).body.data;
    await post('/v1/accounts/past/grants', { bucket: 'promotional', credits: 20, reference: 'r' });
    const then = await get(`/v1/accounts/past/balance?asOf=${movement.recordedAt}`);
    expect(then.body).toMatchObject({ available: 210, position: grant.body.position, asOf: movement.recordedAt });
    expect((await get('/v1/accounts/past/balance')).body.available).toBe(230);
    const before = new Date(Date.parse(opened.body.createdAt) - 60_000).toISOString();
    expect(await get(`/v1/accounts/past/balance?asOf=${before}`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await get('/v1/accounts/past/balance?asOf=now')).status).toBe(400);
  });

  it('move in rows that add up to what is available', async () => {
    await open('moves');
    const task = await submit('moves', { userId: 'u1' });
    await ended(task.body.id);
    const { data } = (await get('/v1/accounts/moves/movements')).body;
    expect(data.map((movement: { type: string }) => movement.type)).toEqual(['granted', 'reserved', 'consumed']);
    const sum = data.reduce((total: number, movement: { credits: number }) => total + movement.credits, 0);
    expect(sum).toBe((await get('/v1/accounts/moves/balance')).body.available);
    const back = (await get('/v1/accounts/moves/movements?order=desc&limit=1')).body;
    expect(back.data[0].type).toBe('consumed');
    expect(
      (await get(`/v1/accounts/moves/movements?taskId=${task.body.id}&type=reserved&from=2026-01-01&to=2100-01-01`)).body.data,
    ).toHaveLength(1);
    expect((await get('/v1/accounts/moves/movements?from=2030-01-02&to=2030-01-01')).status).toBe(400);
  });
});

describe('the catalogue', () => {
  it('has the ten default models and three plans', async () => {
    const models = (await get('/v1/models?limit=200')).body.data;
    expect(
      Object.fromEntries(
        models.map((model: { id: string; credits: number; minimumPlan: string }) => [model.id, `${model.credits} ${model.minimumPlan}`]),
      ),
    ).toMatchObject({
      'pika-basic': '40 free',
      'pika-effects': '80 free',
      'kling-ai-5s': '70 free',
      'kling-ai-10s': '140 free',
      'seedance-2-5s': '100 free',
      'kling-ai-30s': '420 pro',
      'kling-ai-60s': '840 max',
      'sora-2-10s': '200 pro',
      'sora-2-15s': '300 pro',
      'seedance-2-15s': '250 pro',
    });
    const plans = (await get('/v1/plans')).body.data;
    expect(plans.map((plan: { id: string; monthlyAllowance: number }) => `${plan.id} ${plan.monthlyAllowance}`)).toEqual([
      'free 200',
      'max 10000',
      'pro 2000',
    ]);
  });

  it('lists, prices and retires models; past prices stay readable and old quotes keep theirs', async () => {
    await open('shop');
    const listed = await put('/v1/models/veo-3', {
      name: 'Veo 3',
      family: 'veo',
      outputType: 'video',
      durationSeconds: 8,
      credits: 100,
      minimumPlan: 'free',
      modifiers: { resolution: { '1080p': '1.5' }, perSecond: { includedSeconds: 8, creditsPerSecond: 10 }, maxDurationSeconds: 20 },
    });
    expect(listed).toMatchObject({ status: 200, body: { id: 'veo-3', credits: 100, retiredAt: null } });
    expect(listed.headers['position']).toBe(listed.body.position);
    const quote = await post('/v1/quotes', {
      accountId: 'shop',
      model: 'veo-3',
      parameters: { resolution: '1080p', durationSeconds: 11 },
      quantity: 2,
    });
    expect(quote.body).toMatchObject({
      unitCredits: 195,
      credits: 390,
      quantity: 2,
      allowed: true,
      drawdown: [{ bucket: 'subscription', credits: 390 }],
    });
    expect(await put('/v1/models/veo-3/price', { credits: 110, reason: 'vendor' })).toMatchObject({ status: 200, body: { credits: 110 } });
    expect(await put('/v1/models/veo-3/price', { credits: 500, effectiveAt: '2099-01-01T00:00:00Z', reason: 'later' })).toMatchObject({
      status: 200,
      body: { credits: 110 },
    });
    expect((await get('/v1/models/veo-3/prices')).body.data.map((price: { credits: number }) => price.credits)).toEqual([100, 110, 500]);
    expect(
      await submit('shop', { model: 'veo-3', quoteId: quote.body.id, parameters: { resolution: '1080p', durationSeconds: 11 } }),
    ).toMatchObject({ status: 202, body: { credits: { quoted: 195 } } });
    expect(await world.call('DELETE', '/v1/models/veo-3')).toMatchObject({ status: 200, body: { retiredAt: expect.any(String) } });
    expect(await post('/v1/quotes', { accountId: 'shop', model: 'veo-3' })).toMatchObject({ status: 422, body: { code: 'unknown_model' } });
    expect((await get('/v1/models?limit=200')).body.data.map((model: { id: string }) => model.id)).not.toContain('veo-3');
    expect((await get('/v1/models/veo-3')).body.retiredAt).not.toBeNull();
    expect(await get('/v1/models/nope')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await put('/v1/models/nope/price', { credits: 1, reason: 'r' })).toMatchObject({ status: 404 });
    expect(
      await put('/v1/models/Bad%20Id', { name: 'B', family: 'b', outputType: 'video', credits: 1, minimumPlan: 'free' }),
    ).toMatchObject({ status: 400 });
    expect(
      await put('/v1/models/half', {
        name: 'B',
        family: 'b',
        outputType: 'video',
        credits: 1,
        minimumPlan: 'free',
        modifiers: { resolution: { hd: 1.5 } },
      }),
    ).toMatchObject({ status: 400, body: { errors: [{ pointer: '/modifiers/resolution/hd' }] } });
  });

  it('defines plans', async () => {
    expect(
      await put('/v1/plans/studio', { name: 'Studio', rank: 30, monthlyAllowance: 25_000, upgradeCredit: 'prorated', weight: 5 }),
    ).toMatchObject({ status: 200, body: { id: 'studio', weight: 5 } });
    expect((await get('/v1/plans/studio')).body).toMatchObject({ monthlyAllowance: 25_000, upgradeCredit: 'prorated' });
    expect((await get('/v1/plans/nope')).status).toBe(404);
    expect(
      (await put('/v1/plans/studio', { name: 'Studio', rank: -1, monthlyAllowance: 1.5, upgradeCredit: 'half', weight: 101 })).body.errors,
    ).toHaveLength(4);
  });
});

describe('quotes', () => {
  it('judge the plan before the credits, and show what there is when credits are short', async () => {
    await open('poor', 'free');
    expect(await post('/v1/quotes', { accountId: 'poor', model: 'kling-ai-60s' })).toMatchObject({
      status: 201,
      body: { allowed: false, denial: { code: 'plan_required' }, requiredPlan: 'max', accountPlan: 'free', drawdown: [] },
    });
    expect(await post('/v1/quotes', { accountId: 'poor', model: 'kling-ai-5s', quantity: 3 })).toMatchObject({
      status: 201,
      body: { allowed: false, denial: { code: 'insufficient_credits' }, shortfall: 10, available: 200, drawdown: [{ credits: 200 }] },
    });
    expect(await post('/v1/quotes', { accountId: 'nobody', model: 'kling-ai-5s' })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
    expect(await post('/v1/quotes', { accountId: 'poor', model: 'kling-ai-5s', parameters: { durationSeconds: 9 } })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/parameters/durationSeconds' }] },
    });
    expect(await post('/v1/quotes', { accountId: 'poor', model: 'kling-ai-5s', parameters: { colour: 'red' } })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/parameters/colour' }] },
    });
  });

  it('bind a submission: another account 404, another model or used up 409, expired 410', async () => {
    await open('quoter');
    await open('other');
    const quote = (await post('/v1/quotes', { accountId: 'quoter', model: 'kling-ai-5s' })).body.id as string;
    expect(await submit('other', { quoteId: quote })).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await submit('quoter', { quoteId: quote, model: 'pika-basic' })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await submit('quoter', { quoteId: quote })).status).toBe(202);
    expect(await submit('quoter', { quoteId: quote })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await submit('quoter', { quoteId: 'quote_nobody' })).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('tasks', () => {
  it('run to their end, with a receipt', async () => {
    await open('runner');
    const task = await submit('runner', { userId: 'u1', metadata: { shot: '12' }, parameters: { seed: 7 } });
    expect(task).toMatchObject({
      status: 202,
      body: {
        accountId: 'runner',
        userId: 'u1',
        status: 'pending',
        settlement: 'open',
        prompt: 'iced tea',
        metadata: { shot: '12' },
        credits: { quoted: 70, held: 70, consumed: 0, refunded: 0 },
      },
    });
    expect(task.headers['location']).toBe(`/v1/tasks/${task.body.id}`);
    expect(await ended(task.body.id)).toMatchObject({
      body: { status: 'completed', settlement: 'consumed', credits: { consumed: 70, held: 0 }, prompt: 'iced tea' },
    });
    expect(await get(`/v1/tasks/${task.body.id}/receipt`)).toMatchObject({
      status: 200,
      body: { charged: 70, lines: [{ what: 'quoted' }, { what: 'held' }, { what: 'consumed' }] },
    });
  });

  it('cost nothing when they fail', async () => {
    await open('unlucky');
    const task = await submit('unlucky', { parameters: { simulate: { outcome: 'fail', afterMs: 20 } } });
    expect(await ended(task.body.id)).toMatchObject({
      body: { status: 'failed', settlement: 'refunded', failure: { blame: 'provider' }, credits: { refunded: 70 } },
    });
    expect((await get(`/v1/tasks/${task.body.id}/receipt`)).body).toMatchObject({
      charged: 0,
      statement: expect.stringContaining('Not charged'),
    });
    expect((await get('/v1/accounts/unlucky/balance')).body.available).toBe(2000);
  });

  it('are refused for good under their key: 402 and plan_required are recorded, listed and replayed', async () => {
    await open('short', 'free');
    expect((await submit('short', { model: 'pika-effects' })).status).toBe(202);
    expect((await submit('short', { model: 'pika-effects' })).status).toBe(202);
    const headers = { 'idempotency-key': 'short-1' };
    const refused = await submit('short', {}, headers);
    expect(refused).toMatchObject({
      status: 402,
      body: { code: 'insufficient_credits', required: 70, available: 40, shortfall: 30, taskId: expect.stringMatching(/^task_/) },
    });
    expect(refused.headers['position']).toMatch(/^\d{16}$/);
    await post('/v1/accounts/short/grants', { bucket: 'purchased', credits: 500, reference: 'r' });
    const again = await submit('short', {}, headers);
    expect(again.headers['idempotent-replay']).toBe('true');
    expect(again.body).toEqual({ ...refused.body, requestId: again.headers['request-id'] });
    const plan = await submit('short', { model: 'sora-2-10s' }, { 'idempotency-key': 'short-2' });
    expect(plan).toMatchObject({ status: 403, body: { code: 'plan_required', requiredPlan: 'pro', accountPlan: 'free' } });
    const listed = await get('/v1/tasks?accountId=short&status=rejected');
    expect(listed.body.data.map((task: { id: string }) => task.id)).toEqual([plan.body.taskId, refused.body.taskId]);
    expect(listed.body.data[0]).toMatchObject({
      status: 'rejected',
      settlement: 'none',
      credits: { quoted: 0, held: 0, consumed: 0, refunded: 0 },
    });
    expect((await get('/v1/tasks?accountId=short')).body.data).toHaveLength(2);
  });

  it('are refused when the price is another, the model unknown, or too many are open', async () => {
    await open('busy', 'max');
    expect(await submit('busy', { expectedCredits: 69 })).toMatchObject({ status: 422, body: { code: 'price_changed' } });
    expect(await submit('busy', { model: 'nothing' })).toMatchObject({ status: 422, body: { code: 'unknown_model' } });
    const hang = { parameters: { simulate: { outcome: 'hang' } } };
    for (let i = 0; i < 5; i++) expect((await submit('busy', hang)).status).toBe(202);
    const more = await submit('busy', hang);
    expect(more).toMatchObject({ status: 429, body: { code: 'too_many_tasks' } });
    expect(Number(more.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('are cancelled, once', async () => {
    await open('canceller');
    const task = await submit('canceller', { parameters: { simulate: { outcome: 'hang' } } });
    const cancelled = await post(`/v1/tasks/${task.body.id}/cancel`);
    expect(cancelled.status).toBe(200);
    expect(['done', 'requested']).toContain(cancelled.body.outcome);
    expect(await ended(task.body.id)).toMatchObject({ body: { status: 'cancelled', settlement: 'refunded' } });
    const done = await submit('canceller');
    await ended(done.body.id);
    expect(await post(`/v1/tasks/${done.body.id}/cancel`, { reason: 'too late' })).toMatchObject({
      status: 200,
      body: { outcome: 'too_late', task: { status: 'completed' } },
    });
    expect(await post('/v1/tasks/task_nobody/cancel')).toMatchObject({ status: 404 });
  });

  it('give goodwill up to what they consumed', async () => {
    await open('kind');
    const task = (await submit('kind')).body.id as string;
    await ended(task);
    expect(await post(`/v1/tasks/${task}/refunds`, { credits: 50, reason: 'artefacts' })).toMatchObject({
      status: 201,
      body: { charged: 20 },
    });
    expect(await post(`/v1/tasks/${task}/refunds`, { credits: 21, reason: 'more' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    const failed = (await submit('kind', { parameters: { simulate: { outcome: 'fail' } } })).body.id as string;
    await ended(failed);
    expect(await post(`/v1/tasks/${failed}/refunds`, { credits: 1, reason: 'r' })).toMatchObject({
      status: 409,
      body: { code: 'already_settled' },
    });
  });

  it('offer a late result at the quoted price', async () => {
    await open('late');
    const task = (await submit('late', { parameters: { simulate: { outcome: 'late', afterMs: 0 } } })).body.id as string;
    // The provider has the job before the deadline passes: a task that times out before is never sent, and nothing of it can be late.
    let sent: Answer['body'];
    await until(async () => typeof (sent = (await get(`/v1/tasks/${task}`)).body).attempts.at(-1)?.providerJobId === 'string');
    const pastIt = new Date(Date.parse(sent.deadlineAt as string) + 1_000).toISOString();
    expect((await post('/v1/test-clock', { now: pastIt })).status).toBe(200);
    expect(await ended(task)).toMatchObject({ body: { status: 'timed_out', settlement: 'refunded' } });
    await until(async () => (await get(`/v1/tasks/${task}`)).body.lateResult !== null);
    const accepted = await post(`/v1/tasks/${task}/late-result/accept`);
    expect(accepted).toMatchObject({ status: 200, body: { status: 'timed_out', lateResult: { accepted: true } } });
    expect(await post(`/v1/tasks/${(await submit('late')).body.id as string}/late-result/accept`)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
  });

  it('are listed newest first, filtered, and seen by another tenant never', async () => {
    await open('lister');
    const ids: string[] = [];
    for (const userId of ['a', 'b', 'a']) ids.push((await submit('lister', { userId })).body.id as string);
    const all = await get('/v1/tasks?accountId=lister');
    expect(all.body.data.map((task: { id: string }) => task.id)).toEqual([...ids].reverse());
    const first = await get('/v1/tasks?accountId=lister&userId=a&model=kling-ai-5s&limit=1');
    expect(first.body.data[0].id).toBe(ids[2]);
    const second = await get(`/v1/tasks?accountId=lister&userId=a&model=kling-ai-5s&limit=1&cursor=${first.body.nextCursor as string}`);
    expect(second.body.data[0].id).toBe(ids[0]);
    const stranger = await world.newKey(['admin'], { tenant: 'stranger' });
    for (const path of [
      `/v1/tasks/${ids[0] as string}`,
      `/v1/tasks/${ids[0] as string}/receipt`,
      `/v1/tasks/${ids[0] as string}/events`,
      '/v1/accounts/lister',
      '/v1/accounts/lister/balance',
      '/v1/accounts/lister/grants',
      '/v1/accounts/lister/movements',
    ])
      expect(await world.call('GET', path, undefined, { key: stranger })).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await world.call('GET', '/v1/tasks', undefined, { key: stranger })).body.data).toEqual([]);
    expect(await world.call('POST', `/v1/tasks/${ids[0] as string}/cancel`, {}, { key: stranger })).toMatchObject({ status: 404 });
  });
});

describe('a batch', () => {
  const entry = { accountId: 'batcher', model: 'kling-ai-5s', prompt: 'a harbour' };

  it('answers each entry as the single call would have', async () => {
    await open('batcher', 'free');
    const headers = { 'idempotency-key': 'batch-1' };
    const body = { tasks: [entry, { ...entry, prompt: '' }, { ...entry, model: 'nothing' }, 5, entry, entry] };
    const answer = await post('/v1/tasks/batch', body, headers);
    expect(answer.status).toBe(200);
    expect(answer.body.results.map((result: { index: number }) => result.index)).toEqual([0, 1, 2, 3, 4, 5]);
    const { results } = answer.body;
    expect(results.slice(1, 4)).toMatchObject([
      { problem: { code: 'validation_failed', status: 400, errors: [{ pointer: '/prompt' }] } },
      { problem: { code: 'unknown_model', status: 422 } },
      { problem: { code: 'validation_failed' } },
    ]);
    // Each stands alone: which of the three the credits did not last for is nobody's promise.
    const rest = [results[0], results[4], results[5]];
    expect(rest.filter((result) => result.task?.status === 'pending')).toHaveLength(2);
    expect(rest.find((result) => result.problem)).toMatchObject({
      problem: { code: 'insufficient_credits', status: 402, shortfall: 10, taskId: expect.any(String) },
    });
    const again = await post('/v1/tasks/batch', body, headers);
    expect(again.headers['idempotent-replay']).toBe('true');
    const plain = (results: Array<{ problem?: object }>): unknown =>
      JSON.parse(JSON.stringify(results).replaceAll(/"requestId":"[^"]*"/g, '"requestId":""'));
    expect(plain(again.body.results)).toEqual(plain(answer.body.results));
    expect(await post('/v1/tasks/batch', { tasks: [entry] }, headers)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it('is all or none when atomic, with the shortfall of the whole', async () => {
    await open('atomic', 'free');
    const task = { ...entry, accountId: 'atomic' };
    expect(await post('/v1/tasks/batch', { tasks: [task, task, task], atomic: true })).toMatchObject({
      status: 402,
      body: { code: 'insufficient_credits', required: 210, available: 200, shortfall: 10 },
    });
    expect((await get('/v1/accounts/atomic/balance')).body.available).toBe(200);
    expect(await post('/v1/tasks/batch', { tasks: [task, { ...task, prompt: 1 }], atomic: true })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/tasks/1/prompt' }] },
    });
    expect(await post('/v1/tasks/batch', { tasks: [task, entry], atomic: true })).toMatchObject({ status: 400 });
    expect((await post('/v1/tasks/batch', { tasks: [task, task], atomic: true })).body.results).toMatchObject([
      { index: 0, task: { status: 'pending' } },
      { index: 1, task: {} },
    ]);
  });

  it('has 1 to 500 tasks', async () => {
    for (const tasks of [[], new Array(501).fill(entry), 'all'])
      expect(await post('/v1/tasks/batch', { tasks })).toMatchObject({ status: 400, body: { errors: [{ pointer: '/tasks' }] } });
  });
});

describe('the test clock', () => {
  it('moves forward, books what is due, and never moves back', async () => {
    await open('timely', 'pro');
    await post('/v1/accounts/timely/grants', {
      bucket: 'promotional',
      credits: 10,
      reference: 'r',
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const quote = (await post('/v1/quotes', { accountId: 'timely', model: 'kling-ai-5s' })).body.id as string;
    const target = new Date(Date.now() + 35 * 86_400_000).toISOString();
    const moved = await post('/v1/test-clock', { now: target }, { 'idempotency-key': 'clock-1' });
    expect(moved).toMatchObject({ status: 200, body: { now: target, position: expect.stringMatching(/^\d{16}$/) } });
    const movements = (await get('/v1/accounts/timely/movements')).body.data;
    expect(movements.map((movement: { type: string; credits: number }) => `${movement.type} ${movement.credits}`)).toEqual([
      'granted 2000',
      'granted 10',
      'expired -10',
      'expired -2000',
      'granted 2000',
    ]);
    // What the jump booked late is seen from the instant it took effect.
    const [, , lapse, , reset] = movements as Array<{ at: string }>;
    expect((await get(`/v1/accounts/timely/balance?asOf=${lapse!.at}`)).body).toMatchObject({ available: 2000 });
    const afterReset = (await get(`/v1/accounts/timely/balance?asOf=${reset!.at}`)).body;
    expect(afterReset).toMatchObject({ available: 2000, asOf: reset!.at });
    expect(Date.parse(afterReset.nextReset.at)).toBeGreaterThan(Date.parse(reset!.at));
    expect(await submit('timely', { quoteId: quote })).toMatchObject({ status: 410, body: { code: 'quote_expired' } });
    expect(await post('/v1/test-clock', { now: '2026-01-01T00:00:00Z' })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const again = await post('/v1/test-clock', { now: target }, { 'idempotency-key': 'clock-1' });
    expect(again.body).toEqual(moved.body);
    await world.ready();
    expect((await get('/readyz')).body.parts.testClock).toMatchObject({ status: 'ok' });
  });
});

describe('operations', () => {
  it('say that the process lives, is ready part by part, and how it does', async () => {
    expect(await world.call('GET', '/healthz', undefined, { key: null })).toMatchObject({ status: 200, body: { status: 'ok' } });
    await world.ready();
    const ready = await world.call('GET', '/readyz', undefined, { key: null });
    expect(ready.status).toBe(200);
    expect(Object.keys(ready.body.parts)).toEqual(expect.arrayContaining(['postgres', 'eventStore', 'orchestrator', 'testClock']));
    expect(Object.keys(ready.body.parts).filter((part) => part.startsWith('readModel:')).length).toBeGreaterThan(1);
    const metrics = await world.call('GET', '/metrics', undefined, { key: null });
    for (const name of [
      'command="SubmitTask"',
      'rollcredits_tasks{status="completed"',
      'rollcredits_credits_held',
      'code="insufficient_credits"',
      'rollcredits_http_request_seconds_count',
    ])
      expect([name, metrics.text.includes(name)]).toEqual([name, true]);
    const document = await world.call('GET', '/openapi.json', undefined, { key: null });
    expect(document.body.openapi).toBe('3.1.0');
    const docs = await world.call('GET', '/docs', undefined, { key: null });
    expect(docs.text).toContain('swagger-ui');
    expect((await world.call('GET', '/docs/swagger-ui-bundle.js', undefined, { key: null })).status).toBe(200);
  });
});

it('every operation of the document was answered as it promises', async () => {
  const made = await post('/v1/api-keys', { name: 'k', scopes: ['tasks:read'] });
  expect((await get('/v1/api-keys?limit=1')).status).toBe(200);
  expect((await world.call('DELETE', `/v1/api-keys/${made.body.id as string}`)).status).toBe(204);
  const task = (await get('/v1/tasks?limit=1')).body.data[0].id as string;
  const events = await get(`/v1/tasks/${task}/events?limit=1`);
  expect(events.body.data).toHaveLength(1);
  const elsewhere: readonly string[] = TAGS_ELSEWHERE;
  expect(unseenOperations((tag) => !elsewhere.includes(tag))).toEqual([]);
});
