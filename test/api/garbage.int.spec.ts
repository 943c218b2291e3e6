import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createApiWorld, type ApiWorld } from './api-world.js';
import { mangled } from './garbage.js';

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  await world.call('POST', '/v1/accounts', { id: 'g', name: 'G', plan: 'max' });
});
afterAll(() => world.close());

/** Each write route with a body that it would take: garbage is best near the truth. */
const WRITES: Array<[string, string, Record<string, unknown>]> = [
  ['POST', '/v1/accounts', { name: 'A', plan: 'pro', timezone: 'UTC', billingAnchor: '2026-01-31T00:00:00Z' }],
  [
    'POST',
    '/v1/accounts/g/grants',
    { bucket: 'purchased', credits: 5, reference: 'r', expiresAt: '2099-01-01T00:00:00Z', costBasis: { currency: 'USD', amountMinor: 5 } },
  ],
  ['POST', '/v1/accounts/g/plan', { plan: 'max' }],
  ['POST', '/v1/accounts/g/cycle-reset', { reason: 'r' }],
  ['POST', '/v1/accounts/g/suspend', { reason: 'r' }],
  ['POST', '/v1/accounts/g/resume', { reason: 'r' }],
  ['POST', '/v1/accounts/g/grants/grant_0/revoke', { reason: 'r' }],
  [
    'POST',
    '/v1/quotes',
    {
      accountId: 'g',
      model: 'kling-ai-5s',
      parameters: {
        durationSeconds: 5,
        seed: 1,
        deadlineMs: 1000,
        simulate: { outcome: 'fail', afterMs: 5, deliveredFraction: 0.5, cost: { currency: 'USD', amountMinor: 1 } },
      },
      quantity: 2,
    },
  ],
  [
    'POST',
    '/v1/tasks',
    {
      accountId: 'g',
      model: 'kling-ai-5s',
      prompt: 'p',
      userId: 'u',
      expectedCredits: 70,
      metadata: { a: 'b' },
      parameters: { resolution: '1080p', outputType: 'video', simulate: { outcome: 'late' } },
    },
  ],
  ['POST', '/v1/tasks/batch', { tasks: [{ accountId: 'g', model: 'pika-basic', prompt: 'p' }], atomic: true }],
  ['POST', '/v1/tasks/task_0/cancel', { reason: 'r' }],
  ['POST', '/v1/tasks/task_0/refunds', { credits: 5, reason: 'r' }],
  ['POST', '/v1/tasks/task_0/late-result/accept', {}],
  ['POST', '/v1/api-keys', { name: 'k', scopes: ['tasks:read'], accounts: ['g'], tenant: 'default' }],
  ['POST', '/v1/test-clock', { now: '2099-01-01T00:00:00Z' }],
  [
    'PUT',
    '/v1/models/garbage',
    {
      name: 'M',
      family: 'f',
      outputType: 'video',
      durationSeconds: 5,
      credits: 5,
      minimumPlan: 'free',
      provider: 'simulator',
      modifiers: {
        perSecond: { includedSeconds: 5, creditsPerSecond: 1.5 },
        resolution: { hd: '1.5' },
        outputType: { image: '0.5' },
        maxDurationSeconds: 60,
      },
    },
  ],
  ['PUT', '/v1/models/kling-ai-5s/price', { credits: 70, effectiveAt: '2099-01-01T00:00:00Z', reason: 'r' }],
  ['PUT', '/v1/plans/garbage', { name: 'P', rank: 1, monthlyAllowance: 5, upgradeCredit: 'full', weight: 1 }],
];

describe('garbage', () => {
  it.each(WRITES)('never makes %s %s fail on our side', async (method, path, good) => {
    await fc.assert(
      fc.asyncProperty(mangled(good), fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined, freq: 4 }), async (body, key) => {
        const answer = await world.call(method, path, body, key === undefined ? {} : { headers: { 'idempotency-key': key } });
        expect([answer.status < 500, answer.text.slice(0, 500)]).toEqual([true, expect.any(String)]);
        if (answer.status >= 400) {
          expect(answer.headers['content-type']).toContain('application/problem+json');
          expect(answer.text).not.toMatch(/SELECT|INSERT|node_modules|\bat [A-Za-z.]+ \(/);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('never makes a read fail on our side', async () => {
    const paths = [
      '/v1/accounts',
      '/v1/accounts/g',
      '/v1/accounts/g/balance',
      '/v1/accounts/g/grants',
      '/v1/accounts/g/movements',
      '/v1/tasks',
      '/v1/tasks/task_0',
      '/v1/tasks/task_0/events',
      '/v1/models',
      '/v1/plans',
      '/v1/api-keys',
    ];
    const names = [
      'limit',
      'cursor',
      'asOf',
      'from',
      'to',
      'status',
      'userId',
      'model',
      'accountId',
      'taskId',
      'type',
      'bucket',
      'order',
      'x',
    ];
    const cursor = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc.constantFrom('WyJ0YXNrcyIsMV0', 'aWQ6', 'a2V5czoyMDI2LTEzLTQ1IDAwOjAwOjAwKzAwfGtleV8x', 'WyJhY2NvdW50cyIsImciXQ'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.array(
          fc.tuple(
            fc.constantFrom(...names),
            fc.oneof(cursor, fc.constantFrom('0', '1', '200', '2026-01-01', 'completed', 'desc', '%00', '%zz')),
          ),
          { maxLength: 3 },
        ),
        async (path, query) => {
          const text = query
            .map(
              ([name, value]) => `${name}=${value.startsWith('%') ? value : encodeURIComponent(value.replaceAll(/\p{Surrogate}/gu, ''))}`,
            )
            .join('&');
          const answer = await world.call('GET', `${path}?${text}`);
          expect([answer.status < 500, text, answer.text.slice(0, 300)]).toEqual([true, text, expect.any(String)]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('has changed nothing that cannot be explained: the books of the account still add up', async () => {
    let cursor: string | null = null;
    let sum = 0;
    do {
      const page = await world.call('GET', `/v1/accounts/g/movements?limit=200${cursor === null ? '' : `&cursor=${cursor}`}`);
      for (const movement of page.body.data as Array<{ credits: number }>) sum += movement.credits;
      cursor = page.body.nextCursor as string | null;
    } while (cursor !== null);
    expect((await world.call('GET', '/v1/accounts/g/balance')).body.available).toBe(sum);
  });
});
