// Clips by HTTP: moved through their review, refused, replayed, queued, and noted once they are out.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { unseenOperations } from './openapi-check.js';

let world: ApiWorld;
let strangerKey: string;
let boundKey: string;

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
const pointersOf = ({ body }: Answer): string[] => (body.errors as Array<{ pointer: string }>).map(({ pointer }) => pointer).sort();

let made = 0;
/** A clip that waits where it is said to, of a log from elsewhere. */
async function clipAt(status: string, more: object = {}): Promise<string> {
  made += 1;
  const id = `gen_${String(made).padStart(5, '0')}`;
  const line = {
    ...{ id, brief_id: 'bf_log', prompt_id: 'pr_1', prompt_version: 'v1', model: 'video-model-a', duration_seconds: 6, credits_used: 42 },
    ...{ generation_cost_usd: 0.84, asset_url: `s3://pilots/${id}.mp4`, status, rejection_reason: null, review_minutes: 1.5 },
    ...{ editing_minutes: 0, published: status === 'published', created_at: new Date(Date.UTC(2026, 4, 21, 12, made)).toISOString() },
    ...more,
  };
  const { body } = await ask('POST', '/v1/attempts/import', undefined, 200, {
    raw: `${JSON.stringify(line)}\n`,
    headers: { 'content-type': 'application/x-ndjson' },
  });
  expect(body).toMatchObject({ accepted: 1, rejected: [] });
  return id;
}
const revisionOf = async (id: string): Promise<number> => (await get(`/v1/clips/${id}`)).body.revision as number;
async function move(id: string, to: string, more: object = {}, status = 200, options: Options = {}): Promise<Answer> {
  return post(`/v1/clips/${id}/moves`, { to, revision: await revisionOf(id), ...more }, status, options);
}

describe('a clip', () => {
  it('goes the whole way from generated to published, and says at each step what it cost and where it may go', async () => {
    const id = await clipAt('generated');
    const born = await get(`/v1/clips/${id}`);
    expect(born.body).toMatchObject({
      ...{ id, taskId: null, accountId: null, briefId: 'bf_log', promptVersionId: 'pr_1@v1', model: 'video-model-a', state: 'generated' },
      ...{ assetUrl: `s3://pilots/${id}.mp4`, creditsUsed: 42, generationCost: { currency: 'USD', amountMinor: 84 } },
      ...{ reviewMinutes: 1.5, possibleMoves: ['review_pending'], reasons: [], performance: [] },
    });
    await move(id, 'review_pending');
    await move(id, 'approved_for_edit', { reviewMinutes: 0.1, reviewer: 'Ada' });
    await move(id, 'edited', { editingMinutes: 12.25 });
    await move(id, 'brand_review', { reviewMinutes: 0.2 });
    await move(id, 'needs_revision', { reasons: ['brand_mismatch'], brandReviewMinutes: 2 });
    expect((await get(`/v1/clips/${id}`)).body).toMatchObject({ reasons: ['brand_mismatch'], possibleMoves: ['edited'] });
    await move(id, 'edited', { editingMinutes: 1 });
    await move(id, 'brand_review');
    const approved = await move(id, 'approved_to_publish', { gates: { brand_fit: true, logos: false }, note: 'lovely' });
    expect(approved.body).toMatchObject({ state: 'approved_to_publish', possibleMoves: ['scheduled', 'published'], reasons: [] });
    await move(id, 'scheduled', { scheduledAt: '2026-06-01T10:00:00+02:00' });
    const published = await move(id, 'published', { publishedUrl: 'https://example.com/reel/1' });
    expect(published.headers['position']).toBe(published.body.position);
    expect(published.body).toMatchObject({
      ...{ state: 'published', possibleMoves: [], scheduledAt: '2026-06-01T08:00:00.000Z', publishedUrl: 'https://example.com/reel/1' },
      // 1.5 + 0.1 + 0.2, without a float's rest.
      ...{ reviewMinutes: 1.8, brandReviewMinutes: 2, editingMinutes: 13.25 },
      ...{ creditsUsed: 42, generationCost: { currency: 'USD', amountMinor: 84 }, assetUrl: `s3://pilots/${id}.mp4` },
    });
    expect(published.body.history.map(({ to }: { to: string }) => to)).toEqual([
      ...['generated', 'review_pending', 'approved_for_edit', 'edited', 'brand_review', 'needs_revision', 'edited', 'brand_review'],
      ...['approved_to_publish', 'scheduled', 'published'],
    ]);
    expect(published.body.history[2]).toMatchObject({ from: 'review_pending', person: 'reviewer:Ada', reviewMinutes: 0.1 });
    expect(published.body.history[8]).toMatchObject({ gates: ['brand_fit'], note: 'lovely' });
    expect((await get(`/v1/clips/${id}`)).body).toEqual(published.body);
  });

  it('is noted once it is out, and not before', async () => {
    const id = await clipAt('published');
    const noted = await post(
      `/v1/clips/${id}/performance`,
      { note: 'best of the week', views: 18_000, clicks: 0, spendMinor: 12_500 },
      200,
    );
    expect(noted.body.performance).toEqual([
      expect.objectContaining({ note: 'best of the week', views: 18_000, clicks: 0, spendMinor: 12_500 }),
    ]);
    expect((await get(`/v1/clips/${id}`)).body).toEqual(noted.body);
    expect(noted.body.generationCost).toEqual({ currency: 'USD', amountMinor: 84 });
    const headers = { 'idempotency-key': 'perf-1' };
    const first = await post(`/v1/clips/${id}/performance`, { views: 5 }, 200, { headers });
    const again = await post(`/v1/clips/${id}/performance`, { views: 5 }, 200, { headers });
    expect([again.body, again.headers['idempotent-replay']]).toEqual([first.body, 'true']);
    expect((await get(`/v1/clips/${id}`)).body.performance).toHaveLength(2);
    await post(`/v1/clips/${id}/performance`, {}, 400);
    for (const body of [{ views: -1 }, { views: 1.5 }, { clicks: '7' }, { spendMinor: 1e300 }, { note: '' }, { likes: 1 }, { views: 9e15 }])
      await post(`/v1/clips/${id}/performance`, body, 400);
    expect((await post(`/v1/clips/${await clipAt('scheduled')}/performance`, { views: 1 }, 409)).body.code).toBe('conflict');
    await post('/v1/clips/clip_none/performance', { views: 1 }, 404);
  });

  it('refuses a move that is impossible or was decided on what the clip no longer is, with the moves that are possible', async () => {
    const id = await clipAt('review_pending');
    const impossible = await move(id, 'published', { publishedUrl: 'https://example.com/x' }, 409);
    expect(impossible.body).toMatchObject({
      ...{ code: 'conflict', retryable: false },
      possibleMoves: ['approved_for_edit', 'rejected_quality', 'rejected_accuracy', 'rejected_rights_risk'],
    });
    const seen = await revisionOf(id);
    await move(id, 'approved_for_edit');
    const stale = await post(`/v1/clips/${id}/moves`, { to: 'rejected_quality', revision: seen, reasons: ['too_generic'] }, 409);
    expect(stale.body).toMatchObject({ code: 'conflict', possibleMoves: ['edited'] });
    const ahead = await post(`/v1/clips/${id}/moves`, { to: 'edited', revision: seen + 50 }, 409);
    expect(ahead.body.possibleMoves).toEqual(['edited']);
    expect((await get(`/v1/clips/${id}`)).body.state).toBe('approved_for_edit');
    for (const status of ['rejected_quality', 'published']) {
      const ended = await clipAt(status, status === 'rejected_quality' ? { rejection_reason: 'too_generic' } : {});
      expect((await move(ended, 'edited', {}, 409)).body.possibleMoves).toEqual([]);
    }
  });

  it('is moved once by many who decide at the same time', async () => {
    const id = await clipAt('review_pending');
    const revision = await revisionOf(id);
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => world.call('POST', `/v1/clips/${id}/moves`, { to: 'approved_for_edit', revision, reviewer: `r${n}` })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
  });

  it('is rejected with a reason, and "other" with a note', async () => {
    const id = await clipAt('review_pending');
    expect(pointersOf(await move(id, 'rejected_quality', {}, 400))).toEqual(['/reasons']);
    expect(pointersOf(await move(id, 'rejected_quality', { reasons: [] }, 400))).toEqual(['/reasons']);
    expect(pointersOf(await move(id, 'rejected_quality', { reasons: ['ugly'] }, 400))).toEqual(['/reasons']);
    expect(pointersOf(await move(id, 'rejected_quality', { reasons: ['other'] }, 400))).toEqual(['/note']);
    expect(pointersOf(await move(id, 'approved_for_edit', { reasons: ['other'], note: 'x' }, 400))).toEqual(['/reasons']);
    const { body } = await move(id, 'rejected_quality', { reasons: ['too_generic', 'other'], note: 'seen before', reviewMinutes: 3 });
    expect(body).toMatchObject({ state: 'rejected_quality', reasons: ['too_generic', 'other'], possibleMoves: [] });
  });

  it('is refused with each member at fault', async () => {
    const id = await clipAt('approved_to_publish');
    const revision = await revisionOf(id);
    expect(pointersOf(await post(`/v1/clips/${id}/moves`, {}, 400))).toEqual(['/revision', '/to']);
    for (const [pointer, body] of [
      ['/to', { to: 'done' }],
      ['/to', { to: 'generation_failed' }],
      ['/revision', { revision: '1' }],
      ['/revision', { revision: 1e300 }],
      ['/revision', { revision: -1 }],
      ['/reviewMinutes', { reviewMinutes: -1 }],
      ['/reviewMinutes', { reviewMinutes: 1e21 }],
      ['/editingMinutes', { editingMinutes: '3' }],
      ['/brandReviewMinutes', { brandReviewMinutes: 1e-21 }],
      ['/scheduledAt', { scheduledAt: '2026-02-30T00:00:00Z' }],
      ['/scheduledAt', { scheduledAt: 'tomorrow' }],
      ['/publishedUrl', { to: 'published', publishedUrl: 'javascript:alert(1)' }],
      ['/publishedUrl', { to: 'published', publishedUrl: 'https://' }],
      ['/publishedUrl', { to: 'published' }],
      ['/scheduledAt', { to: 'scheduled' }],
      ['/reviewer', { reviewer: ' ' }],
      ['/reviewer', { reviewer: 'x'.repeat(101) }],
      ['/note', { note: 'a\u0000b' }],
      ['/gates', { gates: { everything: true } }],
      ['/gates', { gates: { brand_fit: 'yes' } }],
      ['/gates', { gates: ['brand_fit'] }],
      ['/reasons', { reasons: 'other' }],
      ['/by', { by: 'me' }],
    ] as const) {
      const good = { to: 'scheduled', revision, scheduledAt: '2026-06-01T00:00:00Z' };
      const answer = await post(`/v1/clips/${id}/moves`, { ...('to' in body ? { to: body.to, revision } : good), ...body }, 400);
      expect([body, pointersOf(answer)]).toEqual([body, [pointer]]);
    }
    await post('/v1/clips/clip_none/moves', { to: 'edited', revision: 0 }, 404);
    await post('/v1/clips/%00/moves', { to: 'edited', revision: 0 }, 404);
  });

  it('answers the same move under the same key again, and never moves twice', async () => {
    const id = await clipAt('generated');
    const headers = { 'idempotency-key': 'move-1' };
    const body = { to: 'review_pending', revision: await revisionOf(id) };
    const first = await post(`/v1/clips/${id}/moves`, body, 200, { headers });
    await move(id, 'approved_for_edit');
    const again = await post(`/v1/clips/${id}/moves`, body, 200, { headers });
    expect([again.body, again.headers['idempotent-replay']]).toEqual([first.body, 'true']);
    await post(`/v1/clips/${id}/moves`, { ...body, note: 'x' }, 422, { headers });
    expect((await get(`/v1/clips/${id}`)).body.history).toHaveLength(3);
  });

  it('belongs to its tenant, and of no account is seen by no bound key', async () => {
    const id = await clipAt('review_pending');
    const revision = await revisionOf(id);
    for (const key of [strangerKey, boundKey]) {
      await get(`/v1/clips/${id}`, 404, { key });
      await post(`/v1/clips/${id}/moves`, { to: 'approved_for_edit', revision }, 404, { key });
      await post(`/v1/clips/${id}/performance`, { views: 1 }, 404, { key });
      expect((await get('/v1/clips', 200, { key })).body.data).toEqual([]);
      expect((await get('/v1/review-queue', 200, { key })).body.data).toEqual([]);
    }
    for (const path of ['clip_none', '..', '%00', 'x'.repeat(150), 'gen_1@v2']) await get(`/v1/clips/${path}`, 404);
    const reader = await world.newKey(['studio:read']);
    await post(`/v1/clips/${id}/moves`, { to: 'approved_for_edit', revision }, 403, { key: reader });
  });
});

describe('four eyes and gates', () => {
  const BRIEF = {
    ...{ channel: 'tv', format: 'spot', durationSeconds: 6, goal: 'sell', riskLevel: 'low', consistencyRequirement: 'low' },
  };
  async function reviewed(briefId: string, reviewer: string): Promise<string> {
    const id = await clipAt('review_pending', { brief_id: briefId });
    await move(id, 'approved_for_edit', { reviewer });
    await move(id, 'edited');
    await move(id, 'brand_review');
    return id;
  }

  it.each([
    ['risky', { riskLevel: 'high' }],
    ['paid', { paid: true }],
    ['sensitive', { sensitiveCategories: ['health'] }],
  ])('need a second person where the brief is %s', async (name, more) => {
    await post('/v1/briefs', { ...BRIEF, id: `bf_${name}`, ...more }, 201);
    const id = await reviewed(`bf_${name}`, ' Ada ');
    expect((await move(id, 'approved_to_publish', { reviewer: 'ada' }, 403)).body.code).toBe('forbidden');
    await move(id, 'approved_to_publish', { reviewer: 'Grace' });
    const byKey = await clipAt('review_pending', { brief_id: `bf_${name}` });
    await move(byKey, 'approved_for_edit');
    await move(byKey, 'edited');
    await move(byKey, 'brand_review');
    await move(byKey, 'approved_to_publish', {}, 403);
    const second = await world.newKey(['studio:read', 'studio:write']);
    await move(byKey, 'approved_to_publish', {}, 200, { key: second });
  });

  it('need nobody else where it is not', async () => {
    await post('/v1/briefs', { ...BRIEF, id: 'bf_plain' }, 201);
    await move(await reviewed('bf_plain', 'Ada'), 'approved_to_publish', { reviewer: 'Ada' });
  });

  it('demand each gate of the brief, and list those that are missing', async () => {
    await post('/v1/briefs', { ...BRIEF, id: 'bf_gates', gates: ['claims', 'music'] }, 201);
    const id = await reviewed('bf_gates', 'Ada');
    expect((await move(id, 'approved_to_publish', {}, 409)).body).toMatchObject({ code: 'conflict', missingGates: ['claims', 'music'] });
    expect((await move(id, 'approved_to_publish', { gates: { claims: true, music: false } }, 409)).body.missingGates).toEqual(['music']);
    const { body } = await move(id, 'approved_to_publish', { gates: { claims: true, music: true, logos: true } });
    expect(body.history.at(-1).gates).toEqual(['claims', 'music', 'logos']);
  });
});

describe('lists of clips', () => {
  it('are newest first, by brief, state and model, and leave out what brought no clip', async () => {
    const ids: string[] = [];
    for (const [status, model] of [
      ['generated', 'm1'],
      ['generated', 'm2'],
      ['review_pending', 'm1'],
    ] as const)
      ids.unshift(await clipAt(status, { brief_id: 'bf_list', model }));
    await clipAt('generation_failed', { brief_id: 'bf_list', asset_url: null });
    const listed = async (query: string): Promise<string[]> =>
      (await get(`/v1/clips?briefId=bf_list&${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await listed('')).toEqual(ids);
    expect(await listed('state=generated')).toEqual(ids.slice(1));
    expect(await listed('model=m1')).toEqual([ids[0], ids[2]]);
    expect(await listed('model=m3')).toEqual([]);
    const first = (await get('/v1/clips?briefId=bf_list&limit=2')).body;
    expect(await listed(`limit=2&cursor=${first.nextCursor}`)).toEqual(ids.slice(2));
    for (const query of [
      'cursor=none',
      'cursor=WyJjbGlwcyIsMV0',
      'state=done',
      'briefId=%00',
      'briefId=a%20b',
      'model=',
      'model=a%00',
      'limit=1e2',
      'state=generated&state=edited',
    ])
      expect([query, (await get(`/v1/clips?${query}`, 400)).body.code]).toEqual([query, 'validation_failed']);
  });

  it('of what waits for a human begin with high risk, then with the longest waiting', async () => {
    const brief = { channel: 'tv', format: 'spot', durationSeconds: 6, goal: 'sell', consistencyRequirement: 'low' };
    await post('/v1/briefs', { ...brief, id: 'bf_q_low', riskLevel: 'low', campaign: 'q' }, 201);
    await post('/v1/briefs', { ...brief, id: 'bf_q_high', riskLevel: 'high', campaign: 'q' }, 201);
    const low = await clipAt('review_pending', { brief_id: 'bf_q_low' });
    const high = await clipAt('review_pending', { brief_id: 'bf_q_high' });
    const second = await clipAt('brand_review', { brief_id: 'bf_q_high' });
    const queue = async (query = 'limit=200'): Promise<string[]> =>
      (await get(`/v1/review-queue?${query}`)).body.data.map(({ id }: { id: string }) => id);
    const ours = new Set([low, high, second]);
    expect((await queue()).filter((id) => ours.has(id))).toEqual([high, second, low]);
    expect(await queue('briefId=bf_q_high&state=brand_review')).toEqual([second]);
    const first = (await get('/v1/review-queue?limit=1&briefId=bf_q_high')).body;
    expect(await queue(`limit=1&briefId=bf_q_high&cursor=${first.nextCursor}`)).toEqual([second]);
    await move(high, 'approved_for_edit');
    expect(await queue('briefId=bf_q_high')).toEqual([second]);
    for (const query of ['state=edited', 'cursor=none', 'model=x', 'briefId='])
      await get(`/v1/review-queue?${query}`, 400, { key: ADMIN_KEY });
  });
});

it('answers every operation on clips as the document says', () => {
  expect(
    unseenOperations((tag) => tag === 'Studio').filter(
      (id) => /Clips?$|ClipPerformance|ReviewQueue/.test(id) && id !== 'getCostPerUsableClip',
    ),
  ).toEqual([]);
});
