// Money that comes back, over HTTP: disputes, debt and adjustments, what every route answers, the first time and again.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { unseenOperations } from './openapi-check.js';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';

let world: ApiWorld;
let second: string;
const get = (path: string): Promise<Answer> => world.call('GET', path);
const post = (path: string, body?: unknown, options: Parameters<ApiWorld['call']>[3] = {}): Promise<Answer> =>
  world.call('POST', path, body, options);

beforeAll(async () => {
  world = await createApiWorld({ ADJUSTMENT_LIMIT: '100', BURN_ORDER: 'purchased,subscription,promotional,referral' });
  second = await world.newKey(['ledger:write']);
});
afterAll(() => world.close());

async function purchase(accountId: string, reference: string, credits = 300): Promise<string> {
  const granted = await post(`/v1/accounts/${accountId}/grants`, {
    ...{ bucket: 'purchased', credits, reference, costBasis: { currency: 'USD', amountMinor: 2_999 } },
  });
  expect(granted.status).toBe(201);
  return granted.body.id as string;
}

async function task(accountId: string, simulate: object): Promise<string> {
  const submitted = await post('/v1/tasks', { accountId, model: 'kling-ai-5s', prompt: 'iced tea', parameters: { simulate } });
  expect(submitted.status).toBe(202);
  return submitted.body.id as string;
}

/** Settled: the read models say so. */
async function settled(id: string): Promise<void> {
  await until(async () => !['open', 'none'].includes((await get(`/v1/tasks/${id}`)).body.settlement));
}

async function open(id: string): Promise<void> {
  expect((await post('/v1/accounts', { id, name: 'Moss Media', plan: 'free' })).status).toBe(201);
}

describe('a dispute', () => {
  it('freezes what is left, is lost once, and what was spent is owed and repaid by the next purchase', async () => {
    await open('disputed');
    const grantId = await purchase('disputed', 'inv-1');
    const spent = await task('disputed', { outcome: 'succeed', afterMs: 1 });
    await settled(spent);
    const running = await task('disputed', { outcome: 'hang' });

    const body = { reference: 'inv-1', reason: 'chargeback 4711' };
    const opened = await post('/v1/accounts/disputed/disputes', body, { headers: { 'idempotency-key': 'dispute-1' } });
    expect(opened.status).toBe(201);
    expect(opened.body).toMatchObject({
      ...{ accountId: 'disputed', grantIds: [grantId], reference: 'inv-1', status: 'open', closedAt: null },
      credits: { available: 160, held: 70, consumed: 70, revoked: 0, debt: 0 },
    });
    expect(opened.headers['location']).toBe(`/v1/disputes/${opened.body.id}`);
    expect(opened.headers['position']).toBe(opened.body.position);
    expect((await get(`/v1/disputes/${opened.body.id}`)).body).toEqual(opened.body);
    const replayed = await post('/v1/accounts/disputed/disputes', body, { headers: { 'idempotency-key': 'dispute-1' } });
    expect([replayed.status, replayed.headers['idempotent-replay'], replayed.body]).toEqual([201, 'true', opened.body]);

    const frozen = (await get('/v1/accounts/disputed/balance')).body;
    expect(frozen).toMatchObject({
      available: 360,
      held: 70,
      frozen: 160,
      debt: 0,
      buckets: { purchased: { available: 160, frozen: 160 } },
    });
    expect(frozen.grants.find((grant: { id: string }) => grant.id === grantId)).toMatchObject({ available: 160, frozen: 160 });
    expect((await get('/v1/accounts/disputed/grants')).body.data.at(-1)).toMatchObject({
      id: grantId,
      frozen: 160,
      disputeId: opened.body.id,
    });
    const quote = await post('/v1/quotes', { accountId: 'disputed', model: 'kling-ai-5s', quantity: 3 });
    expect(quote.body).toMatchObject({ allowed: false, available: 200, shortfall: 10, denial: { code: 'insufficient_credits' } });
    const batch = { tasks: [1, 2, 3].map(() => ({ accountId: 'disputed', model: 'kling-ai-5s', prompt: 'x' })), atomic: true };
    expect(await post('/v1/tasks/batch', batch)).toMatchObject({ status: 402, body: { required: 210, available: 200, shortfall: 10 } });
    expect(await post('/v1/accounts/disputed/disputes', body)).toMatchObject({
      ...{ status: 409, body: { code: 'conflict', disputeId: opened.body.id } },
    });
    expect(await post(`/v1/accounts/disputed/grants/${grantId}/revoke`, { reason: 'r' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });

    const lost = await post(`/v1/disputes/${opened.body.id}/lost`);
    expect(lost).toMatchObject({
      status: 200,
      body: { status: 'lost', credits: { available: 0, held: 70, consumed: 70, revoked: 160, debt: 70 } },
    });
    expect(lost.headers['position']).toBe(lost.body.position);
    expect((await get(`/v1/disputes/${opened.body.id}`)).body).toEqual(lost.body);
    const again = await post(`/v1/disputes/${opened.body.id}/lost`, {});
    expect([again.status, again.body]).toEqual([200, lost.body]);
    expect(await post(`/v1/disputes/${opened.body.id}/won`)).toMatchObject({ status: 409, body: { code: 'already_settled' } });
    expect((await get('/v1/accounts/disputed/balance')).body).toMatchObject({ available: 200, held: 70, frozen: 0, debt: 70 });

    await post(`/v1/tasks/${running}/cancel`, {});
    await settled(running);
    expect((await get(`/v1/disputes/${opened.body.id}`)).body.credits).toEqual({
      available: 0,
      held: 0,
      consumed: 70,
      revoked: 230,
      debt: 70,
    });

    const next = await purchase('disputed', 'inv-2', 100);
    expect((await get('/v1/accounts/disputed/balance')).body).toMatchObject({ available: 230, debt: 0 });
    const { data } = (await get('/v1/accounts/disputed/movements?type=repaid')).body;
    expect(data).toMatchObject([{ grantId: next, credits: -70, availableBefore: 100, availableAfter: 30 }]);
    const grants = (await get('/v1/accounts/disputed/grants')).body.data;
    expect(grants.at(-1)).toMatchObject({ id: next, available: 30, repaid: 70, recognisedMinor: 2_099 });

    // Nothing is owed any more, so goodwill on what was spent of it is granted anew.
    const refunded = await post(`/v1/tasks/${spent}/refunds`, { credits: 70, reason: 'sorry' });
    expect(refunded).toMatchObject({ status: 201, body: { charged: 0 } });
    expect((await get('/v1/accounts/disputed/balance')).body).toMatchObject({ available: 300, debt: 0 });
  });

  it('that is won thaws, and can be opened again', async () => {
    await open('winner');
    const grantId = await purchase('winner', 'inv-3');
    const opened = await post('/v1/accounts/winner/disputes', { grantId, reason: 'r' });
    expect(opened.body).toMatchObject({ reference: 'inv-3', grantIds: [grantId] });
    const won = await post(`/v1/disputes/${opened.body.id}/won`);
    expect(won).toMatchObject({ status: 200, body: { status: 'won', credits: { available: 300, debt: 0 } } });
    expect((await get('/v1/accounts/winner/balance')).body).toMatchObject({ available: 500, frozen: 0 });
    expect((await post('/v1/accounts/winner/disputes', { grantId, reason: 'r' })).status).toBe(201);
    const listed = await get('/v1/disputes?accountId=winner');
    expect(listed.body.data.map((dispute: { status: string }) => dispute.status)).toEqual(['open', 'won']);
    expect((await get('/v1/disputes?accountId=winner&status=won&limit=1')).body).toMatchObject({ data: [won.body], nextCursor: null });
  });

  it.each([
    [{ reason: 'r' }, 400],
    [{ reference: 'inv-1', grantId: 'grant_1', reason: 'r' }, 400],
    [{ reference: 'inv-1' }, 400],
    [{ reference: 'inv-1', reason: '  ' }, 400],
    [{ reference: 'nothing', reason: 'r' }, 404],
    [{ grantId: 'grant_0', reason: 'r' }, 404],
  ])('asked for with %j answers %d', async (body, status) => {
    expect(await post('/v1/accounts/disputed/disputes', body)).toMatchObject({ status });
  });

  it('is not there for a key that does not see its account, nor without the scope', async () => {
    const id = (await get('/v1/disputes?limit=1')).body.data[0].id as string;
    const elsewhere = await world.newKey(['ledger:write'], { accounts: ['elsewhere'] });
    const reader = await world.newKey(['balances:read']);
    for (const [method, path] of [
      ['GET', `/v1/disputes/${id}`],
      ['POST', `/v1/disputes/${id}/won`],
      ['POST', '/v1/disputes/dispute_0/lost'],
    ] as const)
      expect(await world.call(method, path, undefined, { key: elsewhere })).toMatchObject({ status: 404 });
    expect((await world.call('GET', '/v1/disputes', undefined, { key: elsewhere })).body).toEqual({ data: [], nextCursor: null });
    expect(await world.call('GET', '/v1/disputes', undefined, { key: reader })).toMatchObject({ status: 403 });
  });
});

describe('a revocation', () => {
  it('is answered the same again, and makes debt of what was spent where it is told to', async () => {
    await open('revoked');
    const grantId = await purchase('revoked', 'inv-4');
    await settled(await task('revoked', { outcome: 'succeed', afterMs: 1 }));
    const revoked = await post(`/v1/accounts/revoked/grants/${grantId}/revoke`, { reason: 'fraud', spent: 'debt' });
    expect(revoked).toMatchObject({ status: 200, body: { id: grantId, available: 0, consumed: 70, revoked: 230 } });
    expect((await get('/v1/accounts/revoked/balance')).body).toMatchObject({ available: 200, debt: 70 });
    await post('/v1/accounts/revoked/suspend', { reason: 'fraud' });
    const again = await post(`/v1/accounts/revoked/grants/${grantId}/revoke`, { reason: 'fraud', spent: 'debt' });
    expect([again.status, again.body]).toEqual([200, revoked.body]);
    expect(await post(`/v1/accounts/revoked/grants/${grantId}/revoke`, { reason: 'r', spent: 'maybe' })).toMatchObject({ status: 400 });
    expect(await post('/v1/accounts/revoked/disputes', { grantId, reason: 'r' })).toMatchObject({
      ...{ status: 409, body: { code: 'already_settled' } },
    });
  });
});

describe('an adjustment', () => {
  const asked = { bucket: 'promotional', credits: 100, reason: 'outage', ticket: 'SUP-1' };

  it('within the limit is applied at once, and says where', async () => {
    await open('adjusted');
    const up = await post('/v1/accounts/adjusted/adjustments', asked, { headers: { 'idempotency-key': 'adj-1' } });
    expect(up).toMatchObject({ status: 201, body: { ...asked, accountId: 'adjusted', status: 'applied', approvedBy: null } });
    expect(up.body.id).toMatch(/^adj_/);
    const replayed = await post('/v1/accounts/adjusted/adjustments', asked, { headers: { 'idempotency-key': 'adj-1' } });
    expect([replayed.status, replayed.headers['idempotent-replay'], replayed.body]).toEqual([201, 'true', up.body]);
    const down = await post('/v1/accounts/adjusted/adjustments', { ...asked, credits: -30 });
    expect(down).toMatchObject({ status: 201, body: { credits: -30, grantId: null } });
    expect((await get('/v1/adjustments?accountId=adjusted')).body).toEqual({ data: [down.body, up.body], nextCursor: null });
    const movements = (await get('/v1/accounts/adjusted/movements?type=adjusted')).body.data;
    expect(movements.map((one: { grantId: string; credits: number; reason: string }) => [one.grantId, one.credits, one.reason])).toEqual([
      [up.body.grantId, 100, 'outage'],
      [up.body.grantId, -30, 'outage'],
    ]);
    expect((await get('/v1/accounts/adjusted/grants')).body.data.at(-1)).toMatchObject({ available: 70, adjusted: 30, costBasis: null });
    expect(await post('/v1/accounts/adjusted/adjustments', { ...asked, credits: -71 })).toMatchObject({
      ...{ status: 409, body: { code: 'conflict', available: 70 } },
    });
    expect(await post(`/v1/adjustments/${up.body.id}/approve`, undefined, { key: second })).toMatchObject({ status: 409 });
  });

  it('above it waits for a second key, which alone decides, once', async () => {
    await open('four-eyes');
    const pending = await post(
      '/v1/accounts/four-eyes/adjustments',
      { ...asked, credits: 101 },
      { headers: { 'idempotency-key': 'adj-2' } },
    );
    expect(pending).toMatchObject({ status: 202, body: { status: 'pending_approval', grantId: null } });
    expect((await get('/v1/accounts/four-eyes/balance')).body.available).toBe(200);
    expect((await get('/v1/adjustments?status=pending_approval')).body.data).toEqual([pending.body]);
    const path = `/v1/adjustments/${pending.body.id}`;
    expect(await post(`${path}/approve`)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await post(`${path}/reject`, { reason: 'mine' })).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const approved = await post(`${path}/approve`, {}, { key: second });
    expect(approved).toMatchObject({
      status: 200,
      body: { id: pending.body.id, status: 'applied', requestedBy: pending.body.requestedBy },
    });
    expect(approved.body.approvedBy).not.toBe(approved.body.requestedBy);
    expect(await post(`${path}/approve`, undefined, { key: second })).toMatchObject({ status: 200, body: approved.body });
    expect(await post(`${path}/reject`, { reason: 'late' }, { key: second })).toMatchObject({
      status: 409,
      body: { code: 'already_settled' },
    });
    expect((await get('/v1/accounts/four-eyes/balance')).body.available).toBe(301);
    // The first answer stands for its key, whatever came after it.
    const replayed = await post(
      '/v1/accounts/four-eyes/adjustments',
      { ...asked, credits: 101 },
      { headers: { 'idempotency-key': 'adj-2' } },
    );
    expect([replayed.status, replayed.body]).toEqual([202, pending.body]);
  });

  it('can be rejected, with a reason', async () => {
    await open('turned-down');
    const { body } = await post('/v1/accounts/turned-down/adjustments', { ...asked, credits: 500 });
    expect(await post(`/v1/adjustments/${body.id}/reject`, {}, { key: second })).toMatchObject({ status: 400 });
    const rejected = await post(`/v1/adjustments/${body.id}/reject`, { reason: 'no' }, { key: second });
    expect(rejected).toMatchObject({ status: 200, body: { status: 'rejected', approvedBy: null } });
    expect((await post(`/v1/adjustments/${body.id}/reject`, { reason: 'no' }, { key: second })).body).toEqual(rejected.body);
    expect(await post(`/v1/adjustments/${body.id}/approve`, {}, { key: second })).toMatchObject({ status: 409 });
    expect(await post('/v1/adjustments/adj_0/approve', {}, { key: second })).toMatchObject({ status: 404 });
    expect((await get('/v1/accounts/turned-down/balance')).body.available).toBe(200);
  });

  it.each([
    { credits: 0 },
    { credits: 1.5 },
    { credits: '5' },
    { credits: 1e13 },
    { reason: '' },
    { ticket: ' ' },
    { bucket: 'gold' },
    { extra: 1 },
  ])('asked for with %j is 400', async (wrong) => {
    expect(await post('/v1/accounts/adjusted/adjustments', { ...asked, ...wrong })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed' },
    });
  });
});

it('every operation of disputes and adjustments was answered as it promises', () => {
  expect(unseenOperations((tag) => tag === 'Disputes' || tag === 'Adjustments')).toEqual([]);
});
