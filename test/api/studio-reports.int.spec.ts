// The log of attempts in and out by HTTP, and the report that it ends in: the article's pilot gives the article's figures.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { unseenOperations } from './openapi-check.js';
import { until } from '../support/until.js';

const PILOT = readFileSync(join(import.meta.dirname, '..', '..', 'demo', 'data', 'pilot-50.jsonl'), 'utf8');
const REPORT = '/v1/reports/cost-per-usable-clip';

let world: ApiWorld;
let boundKey: string;
let strangerKey: string;

beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  await post('/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'pro' }, 201);
  strangerKey = await world.newKey(['studio:read', 'studio:write'], { tenant: 'other' });
  boundKey = await world.newKey(['studio:read', 'studio:write'], { accounts: ['acc_1'] });
});
afterAll(() => world.close());

type Options = NonNullable<Parameters<ApiWorld['call']>[3]>;
async function ask(method: string, path: string, body: unknown, status: number, options: Options = {}): Promise<Answer> {
  const answer = await world.call(method, path, body, options);
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${answer.text}`);
  return answer;
}
const get = (path: string, status = 200, options?: Options): Promise<Answer> => ask('GET', path, undefined, status, options);
const post = (path: string, body: unknown, status: number, options?: Options): Promise<Answer> => ask('POST', path, body, status, options);
const send = (raw: string | Buffer, status = 200, { key = ADMIN_KEY, type = 'application/x-ndjson' } = {}): Promise<Answer> =>
  ask('POST', '/v1/attempts/import', undefined, status, { raw, key, headers: { 'content-type': type } });
const usd = (amountMinor: number): object => ({ currency: 'USD', amountMinor });
const objectsOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
const pointersOf = ({ body }: Answer): string[] => (body.errors as Array<{ pointer: string }>).map(({ pointer }) => pointer).sort();

/** One line of a log of another brief. */
function line(id: string, more: object = {}): string {
  return `${JSON.stringify({
    ...{ id, brief_id: 'bf_x', prompt_id: 'pr_x', prompt_version: 'v1', model: 'm', duration_seconds: 5, credits_used: 10 },
    ...{ generation_cost_usd: 0.1, asset_url: null, status: 'review_pending', rejection_reason: null, review_minutes: 0 },
    ...{ editing_minutes: 0, published: false, created_at: '2026-03-02T00:00:00Z' },
    ...more,
  })}\n`;
}

describe('the pilot of fifty generations', () => {
  it('is imported, once, whatever is sent again', async () => {
    const first = await send(PILOT);
    expect(first.body).toMatchObject({ accepted: 50, duplicates: 0, rejected: [] });
    expect(first.headers['position']).toBe(first.body.position);
    const second = await send(PILOT);
    expect(second.body).toMatchObject({ accepted: 0, duplicates: 50, rejected: [] });
    expect((await get('/v1/clips?briefId=bf_2025_001&limit=200')).body.data).toHaveLength(47);
  });

  it('gives exactly the figures of the article', async () => {
    const { body } = await get(`${REPORT}?hourlyRateMinor=6000`);
    expect(body).toMatchObject({
      ...{ totalGenerations: 50, usableClips: 8, publishedClips: 5, usableRate: '0.16', attemptsPerUsableClip: '6.25' },
      ...{ generationCost: usd(3_000), humanCost: usd(30_000), totalCost: usd(33_000) },
      ...{
        costPerUsableClip: usd(4_125),
        costPerPublishedClip: usd(6_600),
        costPerUsableClipReason: null,
        costPerPublishedClipReason: null,
      },
      ...{ reviewMinutes: 180, editingMinutes: 120, currency: 'USD', costSource: 'ledger', unpricedCredits: 0 },
      ...{ benchmark: null, verdict: null, moreGenerations: null, groups: [] },
    });
    expect(body.statement).toContain('AI video costs $41.25 per usable clip');
    expect(body.rejectionReasons).toEqual({
      ...{ prompt_not_followed: 8, product_detail_wrong: 7, needs_editing: 5, brand_mismatch: 5, artifact_or_distortion: 3 },
      ...{ rights_or_likeness_risk: 3, too_generic: 3, unsafe_or_policy_risk: 3, other: 2 },
    });
    expect(body.trend.map(({ week, totalGenerations }: Answer['body']) => [week, totalGenerations])).toEqual([['2026-W21', 50]]);
  });

  it('costs people nothing where no rate is said, and everything else where it is', async () => {
    expect((await get(REPORT)).body).toMatchObject({ humanCost: usd(0), totalCost: usd(3_000), costPerUsableClip: usd(375) });
    const { body } = await get(`${REPORT}?hourlyRateMinor=6000&toolingCostMinor=500&complianceCostMinor=300&groupBy=model`);
    expect(body).toMatchObject({ toolingCost: usd(500), complianceCost: usd(300), totalCost: usd(33_800), costPerUsableClip: usd(4_225) });
    const inGroups = body.groups.reduce((sum: number, group: Answer['body']) => sum + (group.totalCost.amountMinor as number), 0);
    expect(inGroups).toBe(33_000);
  });

  it.each(['brief', 'campaign', 'channel', 'format', 'model', 'promptVersion', 'week'])('is the same sliced by %s', async (groupBy) => {
    const { body } = await get(`${REPORT}?hourlyRateMinor=6000&groupBy=${groupBy}`);
    for (const [member, total] of [
      ['totalGenerations', 50],
      ['usableClips', 8],
      ['publishedClips', 5],
      ['reviewMinutes', 180],
    ] as const)
      expect(body.groups.reduce((sum: number, group: Answer['body']) => sum + (group[member] as number), 0)).toBe(total);
  });

  it('is told apart by prompt version, model, reason and time', async () => {
    const keys = async (groupBy: string): Promise<string[]> =>
      (await get(`${REPORT}?groupBy=${groupBy}`)).body.groups.map(({ key }: { key: string }) => key).sort();
    expect(await keys('promptVersion')).toEqual(['pr_003@v1', 'pr_003@v2']);
    expect(await keys('model')).toEqual(['video-model-a', 'video-model-b']);
    expect(await keys('rejectionReason')).toContain('product_detail_wrong');
    const count = async (query: string): Promise<number> => (await get(`${REPORT}?${query}`)).body.totalGenerations as number;
    expect(await count('promptVersion=v2')).toBe(32);
    expect(await count('promptVersion=pr_003@v1')).toBe(18);
    expect(await count('promptVersion=pr_004@v1')).toBe(0);
    expect(await count('model=video-model-b&briefId=bf_2025_001')).toBe(17);
    expect(await count('from=2026-05-21T12:17:00Z&to=2026-05-21T12:34:00Z')).toBe(1);
    expect(await count('from=2026-05-23')).toBe(0);
    expect(await count('to=2026-05-21')).toBe(0);
  });

  it('is exported as it was imported, line by line', async () => {
    const answer = await get('/v1/attempts/export');
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    expect(objectsOf(answer.text)).toEqual(objectsOf(PILOT));
    const some = await get('/v1/attempts/export?promptVersion=v1&model=video-model-a');
    const meant = objectsOf(PILOT).filter(
      (record) => (record as Answer['body']).prompt_version === 'v1' && (record as Answer['body']).model === 'video-model-a',
    );
    expect(objectsOf(some.text)).toEqual(meant);
    expect((await send(answer.text)).body).toMatchObject({ accepted: 0, duplicates: 50, rejected: [] });
  });

  it('is held against a benchmark', async () => {
    const benchmark = (usableRate: string, amountMinor: number): Promise<Answer> =>
      ask('PUT', '/v1/benchmarks/agency', { costPerUsableClip: usd(amountMinor), qualityBar: { usableRate } }, 200);
    const verdict = async (): Promise<Answer['body']> => (await get(`${REPORT}?hourlyRateMinor=6000&benchmark=agency`)).body;
    await benchmark('0.1', 12_000);
    expect(await verdict()).toMatchObject({ verdict: 'meets', benchmark: { name: 'agency', costPerUsableClip: usd(12_000) } });
    await benchmark('0.1', 4_000);
    expect((await verdict()).verdict).toBe('does_not_meet');
    await benchmark('0.5', 12_000);
    const failed = await verdict();
    expect([failed.verdict, failed.moreGenerations]).toEqual(['does_not_meet', 0]);
    expect(failed.statement).toContain('does not meet our quality bar');
    expect(failed.nextSteps.join(' ')).toContain('usable rate');
    await get(`${REPORT}?benchmark=none`, 404);
    await get(`${REPORT}?benchmark=agency`, 403, { key: boundKey });
  });

  it('is its tenant’s alone', async () => {
    expect((await get(REPORT, 200, { key: boundKey })).body.totalGenerations).toBe(0);
    expect((await get(REPORT, 200, { key: strangerKey })).body).toMatchObject({
      totalGenerations: 0,
      usableRate: null,
      costPerUsableClip: null,
    });
    expect((await get('/v1/attempts/export', 200, { key: boundKey })).text).toBe('');
    expect((await get('/v1/attempts/export', 200, { key: strangerKey })).text).toBe('');
    await send(PILOT, 403, { key: boundKey });
    await send(PILOT, 403, { key: await world.newKey(['studio:read']) });
    // Ids are a tenant's own.
    expect((await send(PILOT.split('\n').slice(0, 2).join('\n'), 200, { key: strangerKey })).body.accepted).toBe(2);
    expect((await get(REPORT, 200, { key: strangerKey })).body.totalGenerations).toBe(2);
    expect((await get(`${REPORT}?hourlyRateMinor=6000`)).body.totalGenerations).toBe(50);
  });
});

describe('a report', () => {
  it('speaks of a brief’s own format and channel, and groups by what the brief says', async () => {
    await post(
      '/v1/briefs',
      {
        ...{ id: 'bf_2025_001', channel: 'instagram_reel', format: 'social_broll', durationSeconds: 6, goal: 'launch', campaign: 'summer' },
        ...{ riskLevel: 'low', consistencyRequirement: 'low' },
      },
      201,
    );
    for (const [groupBy, key] of [
      ['campaign', 'summer'],
      ['channel', 'instagram_reel'],
      ['format', 'social_broll'],
    ] as const)
      expect((await get(`${REPORT}?groupBy=${groupBy}`)).body.groups).toMatchObject([{ key, totalGenerations: 50 }]);
    expect((await get(`${REPORT}?campaign=summer&channel=instagram_reel&format=social_broll`)).body.totalGenerations).toBe(50);
    expect((await get(`${REPORT}?campaign=winter`)).body.totalGenerations).toBe(0);
    expect((await get(`${REPORT}?briefId=bf_2025_001`)).body.statement).toContain('social_broll');
  });

  it('says why there is no cost per clip, and never a zero', async () => {
    const { body } = await get(`${REPORT}?from=2026-05-21T12:00:00Z&to=2026-05-21T12:34:00Z&hourlyRateMinor=6000`);
    const reason = 'no usable clip among 2 generations';
    expect(body.totalCost.amountMinor).toBeGreaterThan(0);
    expect(body).toMatchObject({
      costPerUsableClip: null,
      attemptsPerUsableClip: null,
      costPerUsableClipReason: reason,
      costPerPublishedClip: null,
    });
    expect(body.statement).toContain(reason);
    const { body: nothing } = await get(`${REPORT}?briefId=bf_none`);
    expect(nothing).toMatchObject({ totalGenerations: 0, usableRate: null, usableRateInterval: null, costPerUsableClip: null, trend: [] });
  });

  it('refuses parameters that are none, each by its name', async () => {
    for (const [parameter, value] of [
      ['groupBy', 'colour'],
      ['hourlyRateMinor', '-1'],
      ['hourlyRateMinor', '60.5'],
      ['hourlyRateMinor', '1e3'],
      ['hourlyRateMinor', '99999999999999999999999'],
      ['hourlyRateMinor', '0.100000000000000000000000000001'],
      ['toolingCostMinor', 'much'],
      ['complianceCostMinor', ''],
      ['costSource', 'guess'],
      ['currency', 'usd'],
      ['promptVersion', 'v0'],
      ['promptVersion', 'pr_003@latest'],
      ['promptVersion', '2'],
      ['from', 'yesterday'],
      ['to', '2026-02-30'],
      ['briefId', '%00'],
      ['model', '%00'],
      ['channel', ''],
      ['benchmark', 'a%20b'],
      ['colour', 'red'],
      ['atLeast', '7'],
    ] as const)
      expect([parameter, value, pointersOf(await get(`${REPORT}?${parameter}=${value}`, 400))]).toEqual([
        parameter,
        value,
        [`/${parameter}`],
      ]);
    expect(pointersOf(await get(`${REPORT}?from=2026-05-22&to=2026-05-21`, 400))).toEqual(['/from']);
    expect(pointersOf(await get(`${REPORT}?model=a&model=b`, 400))).toEqual(['/model']);
    expect(pointersOf(await get('/v1/attempts/export?groupBy=model', 400))).toEqual(['/groupBy']);
    expect(pointersOf(await get('/v1/attempts/export?from=2026-05-22&to=2026-05-21', 400))).toEqual(['/from']);
    expect((await get(`${REPORT}?hourlyRateMinor=1000000000&toolingCostMinor=1000000000000`)).body.totalGenerations).toBe(50);
    expect((await get(`${REPORT}?currency=JPY`)).body).toMatchObject({
      currency: 'JPY',
      generationCost: { currency: 'JPY', amountMinor: 0 },
    });
  });
});

describe('an import', () => {
  it('names each line that it refuses, counts blank ones, and keeps the rest', async () => {
    const answer = await send(
      [
        line('i_1'),
        '\n',
        '{"id":\n',
        line('i_2', { colour: 'red' }),
        line('i_1'),
        line('i_1', { model: 'another' }),
        line('i_3', { credits_used: -1, status: 'done' }),
        '\r\n',
        line('i_4', { status: 'rejected' }),
        line('i_5', { status: 'rejected', rejection_reason: 'other' }),
        line('../i_6'),
      ].join(''),
    );
    expect(answer.body).toMatchObject({ accepted: 2, duplicates: 1, rejectedCount: 6 });
    expect(answer.body.rejected.map(({ line: number, id }: Answer['body']) => [number, id])).toEqual([
      ...([
        [3, null],
        [4, 'i_2'],
        [6, 'i_1'],
        [7, 'i_3'],
        [9, 'i_4'],
      ] as const),
      [11, expect.anything()],
    ]);
    const errors = answer.body.rejected.map((rejected: Answer['body']) =>
      rejected.errors.map(({ field, code }: Answer['body']) => `${field} ${code}`),
    );
    expect(errors[1]).toEqual(['colour unknown_field']);
    expect(errors[2]).toEqual(['id already_exists']);
    expect(errors[3].map((error: string) => error.split(' ')[0])).toEqual(['credits_used', 'status']);
  });

  it('keeps exact decimals: 0.1 + 0.2 is 0.3', async () => {
    const precise = (id: string, cost: string): string =>
      line(id, { brief_id: 'bf_exact' }).replace('"generation_cost_usd":0.1', `"generation_cost_usd":${cost}`);
    await send(precise('e_1', '0.1') + precise('e_2', '0.2') + precise('e_3', '0.004'));
    expect((await get(`${REPORT}?briefId=bf_exact`)).body.generationCost).toEqual(usd(30));
    await send(precise('e_4', '0.001'));
    expect((await get(`${REPORT}?briefId=bf_exact`)).body.generationCost).toEqual(usd(31));
    const exported = (await get('/v1/attempts/export?briefId=bf_exact')).text;
    expect(exported.match(/"generation_cost_usd": ?[0-9.]+/g)).toHaveLength(4);
    expect(exported).toContain('0.004');
  });

  it('takes nothing but NDJSON in UTF-8, and empty bodies for what they are', async () => {
    await send('{}', 415, { type: 'application/json' });
    await send(line('t_1'), 415, { type: 'text/csv' });
    await send(line('t_1'), 415, { type: 'application/x-ndjson; charset=latin1' });
    expect((await send('')).body).toMatchObject({ accepted: 0, duplicates: 0, rejectedCount: 0, rejected: [] });
    const broken = await send(Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from(line('t_2')), Buffer.from([0xef, 0xbb])]));
    expect(broken.body).toMatchObject({ accepted: 1, rejectedCount: 2 });
    const odd = await send(
      `${'x'.repeat(70_000)}\n[]\n"text"\n${line('t_\\u0000')}${line('t_3', { model: 'a\u0000b' })}${line('t_4', { brief_id: '\ud800' })}`,
    );
    expect(odd.body).toMatchObject({ accepted: 0, rejectedCount: 6 });
  });

  it('may be larger than any other body', async () => {
    const log = line('large_1', { brief_id: 'bf_large' }).repeat(6_000);
    expect(log.length).toBeGreaterThan(1_048_576);
    expect((await send(log)).body).toMatchObject({ accepted: 1, duplicates: 5_999, rejectedCount: 0 });
    const many = await send(`{}\n`.repeat(12_000));
    expect([many.body.rejectedCount, many.body.rejected.length]).toEqual([12_000, 10_000]);
  });

  it('is once, however many send it at the same time', async () => {
    const log = Array.from({ length: 200 }, (_, n) => line(`c_${n}`, { brief_id: 'bf_many' })).join('');
    const answers = await Promise.all([send(log), send(log), send(log)]);
    expect(answers.reduce((sum, { body }) => sum + (body.accepted as number), 0)).toBe(200);
    expect(answers.reduce((sum, { body }) => sum + (body.duplicates as number), 0)).toBe(400);
    expect((await get(`${REPORT}?briefId=bf_many`)).body.totalGenerations).toBe(200);
  });

  it('keeps what came whole of a connection that breaks off', async () => {
    const { url } = await world.api.listen();
    const count = async (): Promise<number> => (await get(`${REPORT}?briefId=bf_broken`)).body.totalGenerations as number;
    const request = httpRequest(`${url}/v1/attempts/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' },
    });
    request.on('error', () => undefined);
    request.write(Array.from({ length: 600 }, (_, n) => line(`b_${n}`, { brief_id: 'bf_broken' })).join('') + '{"id":"half');
    await until(async () => (await count()) >= 500);
    request.destroy();
    await until(async () => (await count()) === 600);
  });
});

it('answers every operation on attempts and reports as the document says', () => {
  expect(unseenOperations((tag) => tag === 'Studio').filter((id) => /Attempts|CostPerUsableClip/.test(id))).toEqual([]);
});
