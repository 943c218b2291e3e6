// Nothing that is sent to the studio's routes makes them fail on our side.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createApiWorld, type ApiWorld } from './api-world.js';
import { mangled } from './garbage.js';

const ATTEMPT = {
  ...{ id: 'g_1', brief_id: 'bf_g', prompt_id: 'pr_g', prompt_version: 'v1', model: 'm', duration_seconds: 5, credits_used: 10 },
  ...{ generation_cost_usd: 0.1, asset_url: 'https://example.com/a.mp4', status: 'review_pending', rejection_reason: null },
  ...{ review_minutes: 1.5, editing_minutes: 0, published: false, created_at: '2026-03-02T00:00:00Z' },
};
const BRIEF = {
  ...{ channel: 'tv', format: 'spot', durationSeconds: 6.5, goal: 'sell', mustInclude: ['a', 'b'], mustAvoid: ['c'], riskLevel: 'high' },
  ...{ consistencyRequirement: 'low', campaign: 'x', paid: true, sensitiveCategories: ['health'], attemptBudget: 5, gates: ['claims'] },
  autoReview: true,
};

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  await world.call('POST', '/v1/accounts', { id: 'g', name: 'G', plan: 'max' });
  await world.call('POST', '/v1/briefs', { ...BRIEF, id: 'bf_g' });
  await world.call('POST', '/v1/prompts', { id: 'pr_g', name: 'n', template: '{{goal}} {{scene}}' });
  await send(ATTEMPT);
  await send({ ...ATTEMPT, id: 'g_2', status: 'published', published: true });
});
afterAll(() => world.close());

const send = (line: unknown): ReturnType<ApiWorld['call']> =>
  world.call('POST', '/v1/attempts/import', undefined, {
    raw: `${JSON.stringify(line)}\n`,
    headers: { 'content-type': 'application/x-ndjson' },
  });

/** Each write route with a body that it would take. */
const WRITES: Array<[string, string, Record<string, unknown>]> = [
  ['POST', '/v1/briefs', { ...BRIEF, accountId: 'g' }],
  ['POST', '/v1/briefs/bf_g/ready', { promptId: 'pr_g', promptVersion: 1, variables: { scene: ['a', 1, true] } }],
  ['POST', '/v1/prompts', { name: 'n', template: 'A {{scene}}' }],
  ['POST', '/v1/prompts/pr_g/versions', { template: 'A {{scene}}' }],
  ['PUT', '/v1/prompts/pr_g/labels/production', { version: 1 }],
  ['POST', '/v1/prompts/pr_g/versions/1/render', { briefId: 'bf_g', variables: { scene: 'a' } }],
  [
    'POST',
    '/v1/clips/g_1/moves',
    {
      ...{ to: 'rejected_quality', revision: 0, reasons: ['other'], note: 'n', reviewMinutes: 1.5, brandReviewMinutes: 0 },
      ...{ editingMinutes: 2, reviewer: 'Ada', gates: { claims: true } },
    },
  ],
  ['POST', '/v1/clips/g_2/performance', { note: 'n', views: 1, clicks: 2, spendMinor: 3, reviewer: 'Ada' }],
  ['PUT', '/v1/benchmarks/g', { costPerUsableClip: { currency: 'USD', amountMinor: 5 }, qualityBar: { usableRate: '0.5' } }],
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
      { numRuns: 12 },
    );
  });

  it('never makes a line of a log fail more than itself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mangled(ATTEMPT), { maxLength: 5 }), async (lines) => {
        const raw = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
        const { status, body } = await world.call('POST', '/v1/attempts/import', undefined, {
          raw,
          headers: { 'content-type': 'application/x-ndjson' },
        });
        expect(status).toBe(200);
        const { accepted, duplicates, rejectedCount } = body as Record<string, number>;
        expect(Number(accepted) + Number(duplicates) + Number(rejectedCount)).toBe(lines.length);
      }),
      { numRuns: 20 },
    );
  });

  it('never makes a read fail on our side', async () => {
    const lists = ['/v1/briefs', '/v1/prompts', '/v1/prompts/pr_g/versions', '/v1/clips', '/v1/review-queue', '/v1/benchmarks'];
    const others = ['/v1/reports/cost-per-usable-clip', '/v1/attempts/export', '/v1/clips/g_1', '/v1/briefs/bf_g'];
    const names = [
      ...['limit', 'cursor', 'from', 'to', 'state', 'model', 'briefId', 'campaign', 'channel', 'format', 'promptVersion', 'groupBy', 'x'],
      ...['hourlyRateMinor', 'toolingCostMinor', 'complianceCostMinor', 'costSource', 'currency', 'benchmark', 'atLeast'],
    ];
    // Cursors of every list with more than one thing in it, for every list.
    await world.call('POST', '/v1/briefs', { ...BRIEF, id: 'bf_other' });
    await world.call('POST', '/v1/prompts', { id: 'pr_other', name: 'n', template: 'A' });
    await world.call('POST', '/v1/prompts/pr_g/versions', { template: 'Another {{scene}}' });
    const made: string[] = [];
    for (const path of lists) {
      const { nextCursor } = (await world.call('GET', `${path}?limit=1`)).body as { nextCursor: string | null };
      if (nextCursor !== null) made.push(nextCursor);
    }
    expect(made.length).toBeGreaterThanOrEqual(4);
    const value = fc.oneof(
      fc.string(),
      fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json)).toString('base64url')),
      fc.constantFrom(...made),
      fc.constantFrom(...made).chain((cursor) => fc.nat(cursor.length - 1).map((at) => cursor.slice(0, at) + 'A' + cursor.slice(at + 1))),
      fc.constantFrom('0', '1', '200', '2026-01-01', 'generated', 'model', 'v1', 'pr_g@v1', 'week', 'USD', 'g', '%00', '%zz', '%ED%A0%80'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...lists, ...others),
        fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 3 }),
        async (path, query) => {
          const text = query
            .map(([name, said]) => `${name}=${said.startsWith('%') ? said : encodeURIComponent(said.replaceAll(/\p{Surrogate}/gu, ''))}`)
            .join('&');
          const answer = await world.call('GET', `${path}?${text}`);
          expect([answer.status < 500, text, answer.text.slice(0, 300)]).toEqual([true, text, expect.any(String)]);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('never makes a name in a path fail on our side', async () => {
    const paths: Array<[string, (name: string) => string, unknown]> = [
      ['GET', (name) => `/v1/briefs/${name}`, undefined],
      ['GET', (name) => `/v1/clips/${name}`, undefined],
      ['GET', (name) => `/v1/prompts/${name}/versions/${name}`, undefined],
      ['GET', (name) => `/v1/benchmarks/${name}`, undefined],
      [
        'PUT',
        (name) => `/v1/benchmarks/${name}`,
        { costPerUsableClip: { currency: 'USD', amountMinor: 5 }, qualityBar: { usableRate: '1' } },
      ],
      ['PUT', (name) => `/v1/prompts/pr_g/labels/${name}`, { version: 1 }],
      ['POST', (name) => `/v1/prompts/pr_g/versions/${name}/render`, { variables: { scene: 'x' } }],
      ['POST', (name) => `/v1/clips/${name}/moves`, { to: 'edited', revision: 0 }],
      ['POST', (name) => `/v1/briefs/${name}/ready`, { promptId: 'pr_g', promptVersion: 1 }],
    ];
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 120 }).map((text) => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, ''))),
      fc.constantFrom('%00', '%ED%A0%80', '%', '..', 'v0', 'v1', '1', 'latest', '__proto__', 'constructor', 'toString', '0'.repeat(90)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), name, async ([method, path, body], said) => {
        const answer = await world.call(method, path(said), body, { unchecked: true });
        expect([answer.status < 500, said, answer.text.slice(0, 300)]).toEqual([true, said, expect.any(String)]);
      }),
      { numRuns: 100 },
    );
  });
});
