import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { createApiWorld, ADMIN_KEY, type Answer, type ApiWorld } from './api-world.js';

let world: ApiWorld;
let address: { host: string; port: number; url: string };
beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  address = await world.api.listen();
  await world.call('POST', '/v1/accounts', { id: 'edge', name: 'Edge', plan: 'max' });
});
afterAll(() => world.close());

const task = { accountId: 'edge', model: 'kling-ai-5s', prompt: 'tea' };

describe('every answer', () => {
  it('has a Request-Id, security headers, and a problem where it is an error', async () => {
    const found = await world.call('GET', '/v1/accounts/edge');
    expect(found.headers['request-id']).toMatch(/^req_/);
    expect(found.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'cache-control': 'no-store',
    });
    const missing = await world.call('GET', '/v1/accounts/nobody?limit=x');
    expect(missing.headers['content-type']).toContain('application/problem+json');
    const gone = await world.call('GET', '/v1/accounts/nobody');
    expect(gone.body).toEqual({
      type: 'urn:rollcredits:problem:not_found',
      title: expect.any(String),
      status: 404,
      detail: expect.any(String),
      instance: '/v1/accounts/nobody',
      code: 'not_found',
      requestId: gone.headers['request-id'],
      retryable: false,
    });
  });

  it('keeps a caller’s correlation id when it is sane, and ours otherwise', async () => {
    await world.call('POST', '/v1/accounts', { id: 'corr-1', name: 'C', plan: 'free' }, { headers: { 'x-correlation-id': 'checkout-42' } });
    const [granted] = (await world.call('GET', '/v1/accounts/corr-1/movements')).body.data;
    expect(granted).toMatchObject({ correlationId: 'checkout-42', causationId: expect.stringMatching(/^req_/) });
    const other = await world.call(
      'POST',
      '/v1/accounts',
      { id: 'corr-2', name: 'C', plan: 'free' },
      { headers: { 'x-correlation-id': 'a b'.repeat(100) } },
    );
    expect((await world.call('GET', '/v1/accounts/corr-2/movements')).body.data[0].correlationId).toBe(other.headers['request-id']);
  });

  it('is logged with its ids, and never with a key, a prompt or a query', async () => {
    const prompt = 'a very private prompt';
    const answer = await world.call('POST', '/v1/tasks', { ...task, prompt }, { headers: { 'idempotency-key': 'secret-idem' } });
    await world.call('GET', '/v1/tasks?userId=private-user');
    const lostKey = 'rc_pasted_into_a_path';
    await world.call('GET', `/v1/accounts/${lostKey}`);
    const text = world.logged.join('');
    const line = world.logged
      .map((one) => JSON.parse(one) as Record<string, unknown>)
      .find((one) => one['requestId'] === answer.headers['request-id']);
    expect(line).toMatchObject({
      method: 'POST',
      path: '/v1/tasks',
      status: 202,
      correlationId: expect.any(String),
      causationId: expect.any(String),
    });
    for (const secret of [prompt, ADMIN_KEY, lostKey, 'private-user', 'secret-idem']) expect(text).not.toContain(secret);
  });
});

describe('what is no request of ours', () => {
  const post = (raw: string | Buffer, headers: Record<string, string> = {}, path = '/v1/tasks'): Promise<Answer> =>
    world.call('POST', path, undefined, { raw, headers });

  it.each([
    ['malformed JSON', '{"accountId":', {}, 400, 'validation_failed'],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}, 400, 'validation_failed'],
    ['a list', '[]', {}, 400, 'validation_failed'],
    ['nothing', '', {}, 400, 'validation_failed'],
    ['null', 'null', {}, 400, 'validation_failed'],
    ['text', 'a=b', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['JSON in another charset', '{}', { 'content-type': 'application/json; charset=latin1' }, 415, 'unsupported_media_type'],
    ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    ['too deep', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, {}, 400, 'validation_failed'],
    ['poison', '{"__proto__":{"admin":true}}', {}, 400, 'validation_failed'],
    ['too large', JSON.stringify({ ...task, prompt: 'x'.repeat(1_100_000) }), {}, 413, 'payload_too_large'],
  ])('is refused: %s', async (_what, raw, headers, status, code) => {
    expect(await post(raw, headers)).toMatchObject({ status, body: { code, status, requestId: expect.any(String) } });
  });

  it('takes a batch of up to 12 MiB', async () => {
    const tasks = new Array(100).fill({ ...task, accountId: 'nobody', prompt: 'x'.repeat(19_000) });
    expect(await post(JSON.stringify({ tasks }), {}, '/v1/tasks/batch')).toMatchObject({
      status: 200,
      body: { results: expect.any(Array) },
    });
    expect(await post(`{"tasks":"${'x'.repeat(12_600_000)}"}`, {}, '/v1/tasks/batch')).toMatchObject({ status: 413 });
  });

  it.each([
    ['GET', '/v1/nothing', 404, 'not_found'],
    ['GET', '/v1/accounts/%00', 404, 'not_found'],
    ['GET', '/v1/accounts/..%2f..%2fetc', 404, 'not_found'],
    ['GET', `/v1/accounts/${'x'.repeat(300)}`, 404, 'not_found'],
    ['GET', '/v1/accounts/%E0%A4%A', 400, 'validation_failed'],
    ['GET', '/v1/tasks/not-a-task', 404, 'not_found'],
    ['PATCH', '/v1/tasks', 405, 'method_not_allowed'],
    ['DELETE', '/v1/tasks/batch', 405, 'method_not_allowed'],
    ['PUT', '/healthz', 405, 'method_not_allowed'],
    ['GET', '/v1/tasks?limit=0', 400, 'validation_failed'],
    ['GET', '/v1/tasks?limit=201', 400, 'validation_failed'],
    ['GET', '/v1/tasks?limit=1&limit=2', 400, 'validation_failed'],
    ['GET', '/v1/tasks?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/accounts?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/accounts/edge/movements?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/accounts/edge/grants?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/models?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/api-keys?cursor=garbage', 400, 'validation_failed'],
    ['GET', '/v1/tasks?status=sleeping', 400, 'validation_failed'],
    ['GET', '/v1/tasks?from=2026-02-30', 400, 'validation_failed'],
    ['GET', '/v1/tasks?userId=%00', 400, 'validation_failed'],
    ['GET', '/v1/tasks?colour=red', 400, 'validation_failed'],
    ['GET', '/v1/accounts/edge?atLeast=soon', 400, 'validation_failed'],
    ['GET', '/v1/models?atLeast=-1', 400, 'validation_failed'],
    ['POST', '/v1/test-clock', 404, 'not_found'],
  ])('is refused: %s %s', async (method, path, status, code) => {
    const answer = await world.call(method, path, method === 'POST' ? {} : undefined);
    expect(answer).toMatchObject({ status, body: { code, requestId: answer.headers['request-id'] } });
    if (status === 405) expect(answer.headers['allow']).toMatch(/GET|POST/);
  });

  it('is refused when its headers are too many or its line is no HTTP, as a problem too', async () => {
    const status = await new Promise<{ status?: number; type?: string }>((resolve, reject) => {
      const sent = httpRequest({ ...address, path: '/healthz', headers: { 'x-big': 'x'.repeat(40_000) } }, (response) =>
        resolve({ ...(response.statusCode && { status: response.statusCode }), type: String(response.headers['content-type']) }),
      );
      sent.on('error', reject);
      sent.end();
    });
    expect(status).toEqual({ status: 431, type: 'application/problem+json; charset=utf-8' });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(address.port, address.host, () => socket.write('NONSENSE\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
    });
    expect(answer).toContain('HTTP/1.1 400');
    expect(answer).toContain('"code":"validation_failed"');
  });

  it.each(['', 'x'.repeat(256), 'zwölf\u0007'])('is refused with the Idempotency-Key %j', async (key) => {
    const answer = await world.call('POST', '/v1/tasks', task, { headers: { 'idempotency-key': key } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });
});

describe('a read', () => {
  it('waits for the position it is asked for, and gives up with 503 not_ready', async () => {
    const written = await world.call('POST', '/v1/accounts/edge/grants', { bucket: 'referral', credits: 1, reference: 'r' });
    const other = await world.newKey(['balances:read']);
    const read = await world.call('GET', `/v1/accounts/edge/balance?atLeast=${written.headers['position'] as string}`, undefined, {
      key: other,
    });
    expect(read.body.buckets.referral.available).toBe(1);
    const never = await world.call('GET', '/v1/accounts/edge/balance?atLeast=9999999999999999', undefined, { key: other });
    expect(never).toMatchObject({ status: 503, body: { code: 'not_ready', retryable: true } });
    expect(Number(never.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('does not tell a key that what it may just have made is nowhere, while reads are behind its writes', async () => {
    const models = world.api.app.get<ReadModels>(READ_MODELS, { strict: false });
    const { waitFor } = models;
    await world.call('POST', '/v1/accounts/edge/grants', { bucket: 'referral', credits: 1, reference: 'behind' });
    models.waitFor = () => Promise.resolve(false);
    try {
      const unknown = await world.call('GET', '/v1/tasks/task_none');
      expect(unknown).toMatchObject({ status: 503, body: { code: 'not_ready', retryable: true } });
      expect(Number(unknown.headers['retry-after'])).toBeGreaterThan(0);
      expect((await world.call('GET', '/v1/accounts/edge/balance')).status).toBe(200);
    } finally {
      models.waitFor = waitFor;
    }
    expect((await world.call('GET', '/v1/tasks/task_none')).status).toBe(404);
  });
});

describe('idempotency', () => {
  it('answers the first status and body again, on the same path only', async () => {
    const headers = { 'idempotency-key': 'idem-1' };
    const first = await world.call('POST', '/v1/accounts/edge/grants', { bucket: 'referral', credits: 5, reference: 'r' }, { headers });
    const again = await world.call('POST', '/v1/accounts/edge/grants', { reference: 'r', credits: 5, bucket: 'referral' }, { headers });
    expect(first.headers['idempotent-replay']).toBeUndefined();
    expect(again).toMatchObject({
      status: 201,
      body: first.body,
      headers: { 'idempotent-replay': 'true', position: first.headers['position'] },
    });
    for (const [path, body] of [
      ['/v1/accounts/edge/grants', { bucket: 'referral', credits: 6, reference: 'r' }],
      ['/v1/accounts/edge/plan', { plan: 'max' }],
      ['/v1/quotes', { accountId: 'edge', model: 'kling-ai-5s' }],
      ['/v1/tasks', task],
      ['/v1/tasks/batch', { tasks: [task] }],
      ['/v1/api-keys', { name: 'k', scopes: ['admin'] }],
    ] as const)
      expect(await world.call('POST', path, body, { headers })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  it('runs identical requests at the same time once', async () => {
    const headers = { 'idempotency-key': 'idem-2' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => world.call('POST', '/v1/tasks', task, { headers })));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotent-replay'] === 'true')).toHaveLength(7);
  });
});

describe('API keys', () => {
  it('are asked for everywhere but on the open routes', async () => {
    for (const headers of [
      {},
      { authorization: 'Basic abc' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer rc_unknown' },
      { authorization: `Bearer ${'x'.repeat(300)}` },
    ] as Array<Record<string, string>>) {
      const answer = await world.call('GET', '/v1/accounts', undefined, { key: null, headers });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      expect(answer.headers['www-authenticate']).toContain('Bearer');
    }
    await world.ready();
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'])
      expect((await world.call('GET', path, undefined, { key: null })).status).toBe(200);
  });

  it('are shown once, begin with rc_, and a replay answers null', async () => {
    const headers = { 'idempotency-key': 'make-key' };
    const body = { name: 'web', scopes: ['tasks:read'], accounts: ['edge'] };
    const made = await world.call('POST', '/v1/api-keys', body, { headers });
    expect(made).toMatchObject({
      status: 201,
      body: { key: expect.stringMatching(/^rc_/), name: 'web', scopes: ['tasks:read'], accounts: ['edge'], tenant: 'default' },
    });
    const again = await world.call('POST', '/v1/api-keys', body, { headers });
    expect(again.headers['idempotent-replay']).toBe('true');
    expect(again.body).toEqual({ ...made.body, key: null, position: expect.any(String) });
    expect((await world.call('GET', '/v1/tasks', undefined, { key: made.body.key })).status).toBe(200);
    expect(await world.call('POST', '/v1/api-keys', { ...body, name: 'other' }, { headers })).toMatchObject({ status: 422 });
    const listed = await world.call('GET', '/v1/api-keys?limit=200');
    expect(listed.text).not.toContain(made.body.key);
    const { rows } = await world.database.pool.query<{ row: string }>('SELECT row_to_json(api_keys)::text AS row FROM api_keys');
    expect(rows.map((row) => row.row).join()).not.toContain(made.body.key);
  });

  it('open the routes of their scopes alone', async () => {
    const reader = await world.newKey(['balances:read']);
    expect((await world.call('GET', '/v1/accounts/edge/balance', undefined, { key: reader })).status).toBe(200);
    expect((await world.call('GET', '/v1/models', undefined, { key: reader })).status).toBe(200);
    for (const [method, path, body] of [
      ['GET', '/v1/tasks', undefined],
      ['POST', '/v1/tasks', task],
      ['POST', '/v1/accounts/edge/grants', { bucket: 'referral', credits: 5, reference: 'r' }],
      ['PUT', '/v1/plans/x', { name: 'x', rank: 1, monthlyAllowance: 1 }],
      ['GET', '/v1/api-keys', undefined],
    ] as const)
      expect(await world.call(method, path, body, { key: reader })).toMatchObject({
        status: 403,
        body: { code: 'forbidden', requiredScope: expect.any(String) },
      });
  });

  it('see nothing outside their accounts', async () => {
    await world.call('POST', '/v1/accounts', { id: 'mine', name: 'M', plan: 'max' });
    const key = await world.newKey(['balances:read', 'tasks:read', 'tasks:write', 'ledger:write'], { accounts: ['mine'] });
    const theirs = (await world.call('POST', '/v1/tasks', task)).body.id as string;
    const mine = await world.call('POST', '/v1/tasks', { ...task, accountId: 'mine' }, { key });
    expect(mine.status).toBe(202);
    for (const [method, path, body] of [
      ['GET', '/v1/accounts/edge', undefined],
      ['GET', '/v1/accounts/edge/balance', undefined],
      ['GET', '/v1/accounts/edge/balance?asOf=2030-01-01T00:00:00Z', undefined],
      ['GET', '/v1/accounts/edge/grants', undefined],
      ['GET', '/v1/accounts/edge/movements', undefined],
      ['GET', `/v1/tasks/${theirs}`, undefined],
      ['GET', `/v1/tasks/${theirs}/events`, undefined],
      ['GET', `/v1/tasks/${theirs}/receipt`, undefined],
      ['GET', '/v1/tasks?accountId=edge', undefined],
      ['POST', '/v1/tasks', task],
      ['POST', '/v1/quotes', { accountId: 'edge', model: 'kling-ai-5s' }],
      ['POST', `/v1/tasks/${theirs}/cancel`, {}],
      ['POST', `/v1/tasks/${theirs}/refunds`, { credits: 1, reason: 'r' }],
      ['POST', '/v1/accounts/edge/plan', { plan: 'free' }],
      ['POST', '/v1/accounts', { name: 'N', plan: 'free' }],
    ] as const)
      expect([path, (await world.call(method, path, body, { key })).status]).toEqual([path, 404]);
    expect((await world.call('GET', '/v1/accounts', undefined, { key })).body.data.map((account: { id: string }) => account.id)).toEqual([
      'mine',
    ]);
    expect((await world.call('GET', '/v1/tasks', undefined, { key })).body.data.map((one: { id: string }) => one.id)).toEqual([
      mine.body.id,
    ]);
    const batch = await world.call('POST', '/v1/tasks/batch', { tasks: [task, { ...task, accountId: 'mine' }] }, { key });
    expect(batch.body.results).toMatchObject([{ problem: { status: 404 } }, { task: { accountId: 'mine' } }]);
  });

  it('of other tenants change nothing of the deployment’s, and make no keys but their own', async () => {
    const key = await world.newKey(['admin'], { tenant: 'acme' });
    for (const [method, path, body] of [
      ['PUT', '/v1/models/x', { name: 'x', family: 'x', outputType: 'video', credits: 1, minimumPlan: 'free' }],
      ['PUT', '/v1/models/kling-ai-5s/price', { credits: 1, reason: 'r' }],
      ['DELETE', '/v1/models/kling-ai-5s', undefined],
      ['PUT', '/v1/plans/free', { name: 'x', rank: 1, monthlyAllowance: 1 }],
      ['POST', '/v1/test-clock', { now: '2099-01-01T00:00:00Z' }],
      ['POST', '/v1/api-keys', { name: 'k', scopes: ['admin'], tenant: 'default' }],
      ['GET', '/v1/api-keys?tenant=default', undefined],
    ] as const)
      expect([path, (await world.call(method, path, body, { key })).body]).toMatchObject([path, { code: 'forbidden', status: 403 }]);
    const own = await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['tasks:read'] }, { key });
    expect(own.body.tenant).toBe('acme');
    expect((await world.call('GET', '/v1/api-keys', undefined, { key })).body.data).toHaveLength(2);
    const [admin] = (await world.call('GET', '/v1/api-keys')).body.data;
    expect((await world.call('DELETE', `/v1/api-keys/${admin.id as string}`, undefined, { key })).status).toBe(404);
    // The same account id in another tenant is another account.
    expect((await world.call('POST', '/v1/accounts', { id: 'edge', name: 'Acme', plan: 'free' }, { key })).status).toBe(201);
    expect((await world.call('GET', '/v1/accounts/edge/balance', undefined, { key })).body.available).toBe(200);
  });

  it('bound to accounts hand out no more than is theirs', async () => {
    const bound = await world.newKey(['admin'], { accounts: ['edge'] });
    expect((await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['admin'] }, { key: bound })).status).toBe(403);
    expect((await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['admin'], accounts: ['mine'] }, { key: bound })).status).toBe(
      403,
    );
    expect((await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['admin'], accounts: ['edge'] }, { key: bound })).status).toBe(
      201,
    );
  });

  it('are refused at once where they were revoked', async () => {
    const made = await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['tasks:read'] });
    const revoked = await world.call('DELETE', `/v1/api-keys/${made.body.id as string}`);
    expect(revoked).toMatchObject({ status: 204, headers: { position: expect.stringMatching(/^\d{16}$/) } });
    expect((await world.call('GET', '/v1/tasks', undefined, { key: made.body.key })).status).toBe(401);
    expect((await world.call('DELETE', `/v1/api-keys/${made.body.id as string}`)).status).toBe(404);
  });

  it.each([
    {},
    { name: 'k' },
    { name: 'k', scopes: [] },
    { name: 'k', scopes: ['root'] },
    { name: 'k', scopes: ['admin', 'admin'] },
    { name: 'k', scopes: 'admin' },
    { name: 'k', scopes: ['admin'], accounts: [] },
    { name: 'k', scopes: ['admin'], tenant: 'A B' },
  ])('are not made of %j', async (body) => {
    expect((await world.call('POST', '/v1/api-keys', body)).body.code).toBe('validation_failed');
  });
});
