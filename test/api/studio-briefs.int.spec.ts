// Briefs, prompts and benchmarks by HTTP: made, read, refused, replayed, and seen by whom they belong to.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { unseenOperations } from './openapi-check.js';

const BRIEF = {
  channel: 'instagram_reel',
  format: 'social_broll',
  durationSeconds: 6,
  goal: 'support a post about summer product launch',
  mustInclude: ['bright kitchen', 'morning light', 'refreshing mood'],
  mustAvoid: ['visible logos', 'people drinking alcohol'],
  riskLevel: 'low',
  consistencyRequirement: 'low',
};
const TEMPLATE = 'Create a {{duration_seconds}} second {{format}} clip for {{channel}}. Scene: {{scene}}. Must include: {{must_include}}.';

let world: ApiWorld;
let boundKey: string;
let strangerKey: string;

beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  await post('/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'pro' }, 201);
  await post('/v1/accounts', { id: 'acc_2', name: 'Fern', plan: 'pro' }, 201);
  boundKey = await world.newKey(['studio:read', 'studio:write'], { accounts: ['acc_1'] });
  strangerKey = await world.newKey(['studio:read', 'studio:write'], { tenant: 'other' });
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
const put = (path: string, body: unknown, status: number, options?: Options): Promise<Answer> => ask('PUT', path, body, status, options);
const pointersOf = ({ body }: Answer): string[] => (body.errors as Array<{ pointer: string }>).map(({ pointer }) => pointer).sort();

describe('a brief', () => {
  it('is written with its structure, answers its suggested use, and is read as it was answered', async () => {
    const made = await post(
      '/v1/briefs',
      { ...BRIEF, id: 'bf_1', attemptBudget: 50, gates: ['logos', 'brand_fit'], campaign: 'summer' },
      201,
    );
    expect(made.headers['location']).toBe('/v1/briefs/bf_1');
    expect(made.headers['position']).toBe(made.body.position);
    expect(made.body).toMatchObject({
      ...BRIEF,
      ...{ id: 'bf_1', accountId: null, state: 'draft_brief', campaign: 'summer', paid: false, sensitiveCategories: [], autoReview: false },
      ...{ attemptBudget: 50, attemptsUsed: 0, gates: ['brand_fit', 'logos'], promptId: null, promptVersion: null, promptVersionId: null },
      ...{ variables: {}, revision: 0 },
    });
    expect(made.body.suggestedUse.toLowerCase()).toContain('good production test');
    expect((await get(`/v1/briefs/bf_1?atLeast=${made.body.position}`)).body).toEqual(made.body);
    const named = await post('/v1/briefs', BRIEF, 201);
    expect(named.body.id).toMatch(/^brief_[0-9a-f]{32}$/);
  });

  it.each([
    ['low', 'low', 'good production test'],
    ['low', 'high', 'drafts, variants, partial shots'],
    ['high', 'low', 'strict human review only'],
    ['high', 'high', 'keep traditional production primary'],
  ])('at %s risk and %s consistency says: %s', async (riskLevel, consistencyRequirement, use) => {
    const { body } = await post('/v1/briefs', { ...BRIEF, riskLevel, consistencyRequirement }, 201);
    expect(body.suggestedUse.toLowerCase()).toContain(use);
  });

  it('keeps the exact decimals of its duration', async () => {
    for (const durationSeconds of [0.1, 5.25, 7.000001, 86_400]) {
      const { body } = await post('/v1/briefs', { ...BRIEF, durationSeconds }, 201);
      expect(body.durationSeconds).toBe(durationSeconds);
      expect((await get(`/v1/briefs/${body.id}`)).body.durationSeconds).toBe(durationSeconds);
    }
  });

  it('is refused with each member at fault', async () => {
    const wrong = await post(
      '/v1/briefs',
      {
        ...BRIEF,
        id: '-x',
        durationSeconds: 0,
        riskLevel: 'medium',
        gates: ['brand_fit', 'brand_fit'],
        attemptBudget: 10_001,
        goal: ' ',
        more: 1,
      },
      400,
    );
    expect(pointersOf(wrong)).toEqual(['/attemptBudget', '/durationSeconds', '/gates', '/goal', '/id', '/more', '/riskLevel']);
    const { channel, ...without } = BRIEF;
    expect(channel).toBeDefined();
    expect(pointersOf(await post('/v1/briefs', without, 400))).toEqual(['/channel']);
    for (const [member, value] of [
      ['durationSeconds', '6'],
      ['durationSeconds', 1e308],
      ['durationSeconds', 1e-21],
      ['mustInclude', 'bright'],
      ['mustInclude', ['']],
      ['mustInclude', [['a']]],
      ['mustAvoid', Array.from({ length: 51 }, () => 'x')],
      ['paid', 'yes'],
      ['attemptBudget', 0],
      ['attemptBudget', 1.5],
      ['gates', ['everything']],
      ['sensitiveCategories', [1]],
      ['autoReview', 1],
      ['goal', 'a\u0000b'],
      ['goal', 'x'.repeat(2_001)],
      ['accountId', '../acc_1'],
    ] as const) {
      const answer = await post('/v1/briefs', { ...BRIEF, [member]: value }, 400);
      expect([member, value, pointersOf(answer).every((pointer) => pointer.startsWith(`/${member}`))]).toEqual([member, value, true]);
    }
    expect((await ask('POST', '/v1/briefs', undefined, 400, { raw: '{"goal":"\\ud800"}' })).body.code).toBe('validation_failed');
  });

  it('is one, whatever happens to its id', async () => {
    await post('/v1/briefs', { ...BRIEF, id: 'bf_once' }, 201);
    expect((await post('/v1/briefs', { ...BRIEF, id: 'bf_once' }, 409)).body.code).toBe('already_exists');
    // Ids are a tenant's own.
    await post('/v1/briefs', { ...BRIEF, id: 'bf_once' }, 201, { key: strangerKey });
    const headers = { 'idempotency-key': 'brief-1' };
    const first = await post('/v1/briefs', { ...BRIEF, id: 'bf_keyed', goal: 'keyed' }, 201, { headers });
    const again = await post('/v1/briefs', { ...BRIEF, id: 'bf_keyed', goal: 'keyed' }, 201, { headers });
    expect(again.body).toEqual(first.body);
    expect([first.headers['idempotent-replay'], again.headers['idempotent-replay']]).toEqual([undefined, 'true']);
    expect((await post('/v1/briefs', { ...BRIEF, id: 'bf_keyed', goal: 'other' }, 422, { headers })).body.code).toBe(
      'idempotency_key_reused',
    );
    const both = await Promise.all([1, 2].map(() => post('/v1/briefs', BRIEF, 201, { headers: { 'idempotency-key': 'brief-2' } })));
    expect(both[0]?.body).toEqual(both[1]?.body);
  });

  it('is listed newest first, by state, campaign and channel, page by page', async () => {
    const ids: string[] = [];
    for (const n of [1, 2, 3])
      ids.unshift((await post('/v1/briefs', { ...BRIEF, channel: `list ${n % 2}`, campaign: 'listed' }, 201)).body.id);
    const listed = async (query: string): Promise<string[]> =>
      (await get(`/v1/briefs?campaign=listed&${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await listed('')).toEqual(ids);
    expect(await listed('channel=list%201')).toEqual([ids[0], ids[2]]);
    expect(await listed('state=prompt_ready')).toEqual([]);
    const first = (await get('/v1/briefs?campaign=listed&limit=2')).body;
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    expect(await listed(`limit=2&cursor=${first.nextCursor}`)).toEqual(ids.slice(2));
    for (const query of ['cursor=none', 'cursor=aWQ6eA', 'limit=0', 'limit=201', 'state=done', 'campaign=', 'x=1', 'atLeast=1'])
      expect([query, (await get(`/v1/briefs?${query}`, 400)).body.code]).toEqual([query, 'validation_failed']);
  });

  it('belongs to its account: other tenants and keys bound elsewhere do not know of it', async () => {
    const mine = (await post('/v1/briefs', { ...BRIEF, accountId: 'acc_1' }, 201, { key: boundKey })).body;
    const yours = (await post('/v1/briefs', { ...BRIEF, accountId: 'acc_2' }, 201)).body;
    const nobodys = (await post('/v1/briefs', BRIEF, 201)).body;
    expect((await get(`/v1/briefs/${mine.id}`, 200, { key: boundKey })).body).toEqual(mine);
    for (const { id } of [yours, nobodys]) {
      await get(`/v1/briefs/${id}`, 404, { key: boundKey });
      await post(`/v1/briefs/${id}/ready`, { promptId: 'p', promptVersion: 1 }, 404, { key: boundKey });
    }
    const listed = (await get('/v1/briefs?limit=200', 200, { key: boundKey })).body.data;
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([mine.id]);
    await get(`/v1/briefs/${mine.id}`, 404, { key: strangerKey });
    await post('/v1/briefs', { ...BRIEF, accountId: 'acc_2' }, 404, { key: boundKey });
    await post('/v1/briefs', { ...BRIEF, accountId: 'acc_none' }, 404);
    expect(pointersOf(await post('/v1/briefs', BRIEF, 400, { key: boundKey }))).toEqual(['/accountId']);
    for (const id of ['brief_none', '%00', '..', 'x'.repeat(150)]) await get(`/v1/briefs/${id}`, 404);
  });

  it('asks for the scopes of the studio', async () => {
    const reader = await world.newKey(['studio:read']);
    const writer = await world.newKey(['studio:write']);
    const other = await world.newKey(['tasks:write', 'ledger:write', 'finance:read']);
    await post('/v1/briefs', BRIEF, 403, { key: reader });
    await get('/v1/briefs', 403, { key: writer });
    for (const path of ['/v1/briefs', '/v1/prompts', '/v1/clips', '/v1/review-queue', '/v1/benchmarks', '/v1/attempts/export'])
      expect((await get(path, 403, { key: other })).body.requiredScope).toBe('studio:read');
    await get('/v1/briefs', 401, { key: null });
  });
});

describe('a prompt', () => {
  it('has numbered versions that never change, and labels that move', async () => {
    const made = await post('/v1/prompts', { id: 'pr_1', name: 'Social B-roll', template: TEMPLATE }, 201);
    expect(made.headers['location']).toBe('/v1/prompts/pr_1');
    expect(made.body).toMatchObject({
      id: 'pr_1',
      promptId: 'pr_1',
      name: 'Social B-roll',
      version: 1,
      promptVersionId: 'pr_1@v1',
      labels: {},
    });
    expect(made.body.variables).toEqual(['duration_seconds', 'format', 'channel', 'scene', 'must_include']);
    expect((await get('/v1/prompts/pr_1')).body).toEqual(made.body);
    const second = await post('/v1/prompts/pr_1/versions', { template: 'Scene: {{scene}}.' }, 201);
    expect(second.headers['location']).toBe('/v1/prompts/pr_1/versions/2');
    expect(second.body).toMatchObject({ promptId: 'pr_1', version: 2, id: 'pr_1@v2', template: 'Scene: {{scene}}.', variables: ['scene'] });
    const labelled = await put('/v1/prompts/pr_1/labels/production', { version: 1 }, 200);
    expect(labelled.body.labels).toEqual({ production: 1 });
    const unchanged = await put('/v1/prompts/pr_1/labels/production', { version: 'v1' }, 200);
    expect(unchanged.body).toEqual(labelled.body);
    await put('/v1/prompts/pr_1/labels/production', { version: 2 }, 200);
    const { body: read } = await get('/v1/prompts/pr_1');
    expect(read).toMatchObject({ version: 2, labels: { production: 2 } });
    expect(read.versions.map(({ template }: { template: string }) => template)).toEqual([TEMPLATE, 'Scene: {{scene}}.']);
    const versions = (await get('/v1/prompts/pr_1/versions')).body;
    expect(versions.data.map(({ id }: { id: string }) => id)).toEqual(['pr_1@v1', 'pr_1@v2']);
    const page = (await get('/v1/prompts/pr_1/versions?limit=1')).body;
    expect((await get(`/v1/prompts/pr_1/versions?limit=1&cursor=${page.nextCursor}`)).body.data[0].version).toBe(2);
    for (const [version, number] of [
      ['1', 1],
      ['v1', 1],
      ['production', 2],
    ] as const)
      expect((await get(`/v1/prompts/pr_1/versions/${version}`)).body.version).toBe(number);
    for (const version of ['3', 'v3', 'v0', '0', '-1', '1.5', 'staging', 'toString', '%00', '99999999999999999999'])
      await get(`/v1/prompts/pr_1/versions/${version}`, 404);
    const listed = (await get('/v1/prompts')).body.data;
    expect(listed.map(({ id }: { id: string }) => id)).toContain('pr_1');
  });

  it('is kept once under one key, and once under one id', async () => {
    const headers = { 'idempotency-key': 'prompt-1' };
    const prompt = { name: 'Keyed', template: 'A {{thing}}' };
    const first = await post('/v1/prompts', prompt, 201, { headers });
    expect((await post('/v1/prompts', prompt, 201, { headers })).body).toEqual(first.body);
    await post('/v1/prompts', { ...prompt, template: 'B' }, 422, { headers });
    const path = `/v1/prompts/${first.body.id}/versions`;
    const versionHeaders = { 'idempotency-key': 'prompt-2' };
    const second = await post(path, { template: 'C' }, 201, { headers: versionHeaders });
    const replayed = await post(path, { template: 'C' }, 201, { headers: versionHeaders });
    expect([replayed.body, replayed.headers['idempotent-replay']]).toEqual([second.body, 'true']);
    expect((await get(path)).body.data).toHaveLength(2);
    expect((await post('/v1/prompts', { ...prompt, id: first.body.id }, 409)).body.code).toBe('already_exists');
  });

  it('is refused where its template or its label cannot be', async () => {
    for (const template of ['', ' ', 'open {{never', '{{}}', '{{a b}}', 'x'.repeat(20_001), 7, null])
      expect([template, pointersOf(await post('/v1/prompts', { name: 'n', template }, 400))]).toEqual([template, ['/template']]);
    await post('/v1/prompts', { id: 'pr_2', name: 'n', template: 'plain' }, 201);
    for (const label of ['v2', 'v0', '7', '-', 'x'.repeat(65), '%00', '%C3%A9'])
      expect([label, pointersOf(await put(`/v1/prompts/pr_2/labels/${label}`, { version: 1 }, 400))]).toEqual([label, ['/label']]);
    for (const version of [0, -1, 1.5, 'v0', 'production', '', 1e300, [1], true])
      expect([version, pointersOf(await put('/v1/prompts/pr_2/labels/production', { version }, 400))]).toEqual([version, ['/version']]);
    await put('/v1/prompts/pr_2/labels/production', { version: 2 }, 404);
    await put('/v1/prompts/pr_none/labels/production', { version: 1 }, 404);
    await post('/v1/prompts/pr_none/versions', { template: 'x' }, 404);
  });

  it('is the tenant’s: bound keys neither change nor see it, other tenants do not know of it', async () => {
    await post('/v1/prompts', { id: 'pr_mine', name: 'n', template: 'plain {{goal}}' }, 201);
    await post('/v1/prompts', { name: 'n', template: 'x' }, 403, { key: boundKey });
    await post('/v1/prompts/pr_mine/versions', { template: 'x' }, 403, { key: boundKey });
    await put('/v1/prompts/pr_mine/labels/production', { version: 1 }, 403, { key: boundKey });
    await get('/v1/prompts/pr_mine', 404, { key: boundKey });
    await get('/v1/prompts/pr_mine', 404, { key: strangerKey });
    expect((await get('/v1/prompts', 200, { key: boundKey })).body.data).toEqual([]);
    await post('/v1/prompts/pr_mine/versions/1/render', {}, 404, { key: strangerKey });
    await post('/v1/prompts/pr_mine/versions/1/render', { variables: { goal: 'x' } }, 404, { key: boundKey });
    const { id } = (await post('/v1/briefs', { ...BRIEF, accountId: 'acc_1' }, 201)).body;
    const rendered = await post('/v1/prompts/pr_mine/versions/1/render', { briefId: id }, 200, { key: boundKey });
    expect(rendered.body.text).toBe(`plain ${BRIEF.goal}`);
  });
});

describe('rendering', () => {
  beforeAll(async () => {
    await post('/v1/prompts', { id: 'pr_r', name: 'r', template: TEMPLATE }, 201);
    await post('/v1/prompts/pr_r/versions', { template: '{{scene}} / {{mood}}' }, 201);
    await put('/v1/prompts/pr_r/labels/production', { version: 2 }, 200);
    await post('/v1/briefs', { ...BRIEF, id: 'bf_r' }, 201);
  });

  it('fills in the brief’s fields and the caller’s variables, lists joined naturally', async () => {
    const { body } = await post(
      '/v1/prompts/pr_r/versions/1/render',
      { briefId: 'bf_r', variables: { scene: ['a hob', 'a sink', 'a tap'] } },
      200,
    );
    expect(body).toEqual({
      text: 'Create a 6 second social_broll clip for instagram_reel. Scene: a hob, a sink and a tap. Must include: bright kitchen, morning light and refreshing mood.',
      ...{ promptId: 'pr_r', version: 1, briefRevision: 0 },
    });
    for (const version of ['2', 'v2', 'production'])
      expect((await post(`/v1/prompts/pr_r/versions/${version}/render`, { variables: { scene: 'a', mood: 1.5 } }, 200)).body).toEqual({
        ...{ text: 'a / 1.5', promptId: 'pr_r', version: 2, briefRevision: null },
      });
  });

  it('names what is missing, unknown or said twice', async () => {
    const render = (body: unknown, status = 400): Promise<Answer> => post('/v1/prompts/pr_r/versions/1/render', body, status);
    expect(pointersOf(await render({ briefId: 'bf_r' }))).toEqual(['/variables/scene']);
    expect(pointersOf(await render({ briefId: 'bf_r', variables: { scene: 'x', camera: 'y' } }))).toEqual(['/variables/camera']);
    expect(pointersOf(await render({ briefId: 'bf_r', variables: { scene: 'x', channel: 'tv' } }))).toEqual(['/variables/channel']);
    expect(pointersOf(await render({ briefId: 'bf_r', variables: { scene: { a: 1 } } }))).toEqual(['/variables/scene']);
    expect(pointersOf(await render({ briefId: 'bf_r', variables: 'scene' }))).toEqual(['/variables']);
    expect((await ask('POST', '/v1/prompts/pr_r/versions/2/render', undefined, 400)).body.code).toBe('validation_failed');
    await render({ briefId: 'bf_none', variables: { scene: 'x' } }, 404);
    for (const version of ['3', 'v0', 'staging', '1e3', '%00']) await post(`/v1/prompts/pr_r/versions/${version}/render`, {}, 404);
    await post('/v1/prompts/pr_none/versions/1/render', {}, 404);
  });

  it('makes a brief ready with a version that renders, and keeps the variables as defaults', async () => {
    const ready = await post('/v1/briefs/bf_r/ready', { promptId: 'pr_r', promptVersion: 'v1', variables: { scene: 'a hob' } }, 200);
    expect(ready.body).toMatchObject({
      ...{
        id: 'bf_r',
        state: 'prompt_ready',
        promptId: 'pr_r',
        promptVersion: 1,
        promptVersionId: 'pr_r@v1',
        variables: { scene: 'a hob' },
      },
      revision: 1,
    });
    expect((await get('/v1/briefs/bf_r')).body).toEqual(ready.body);
    expect((await post('/v1/prompts/pr_r/versions/1/render', { briefId: 'bf_r' }, 200)).body).toMatchObject({ briefRevision: 1 });
    expect(
      pointersOf(await post('/v1/briefs/bf_r/ready', { promptId: 'pr_r', promptVersion: 'production', variables: { scene: 'x' } }, 400)),
    ).toEqual(['/variables/mood']);
    for (const promptVersion of ['v0', 0, 1.5, '', ' ', 'a b', null, {}])
      expect([promptVersion, pointersOf(await post('/v1/briefs/bf_r/ready', { promptId: 'pr_r', promptVersion }, 400))]).toEqual([
        promptVersion,
        ['/promptVersion'],
      ]);
    await post('/v1/briefs/bf_r/ready', { promptId: 'pr_r', promptVersion: 9 }, 404);
    await post('/v1/briefs/bf_r/ready', { promptId: 'pr_none', promptVersion: 1 }, 404);
    await post('/v1/briefs/bf_none/ready', { promptId: 'pr_r', promptVersion: 1 }, 404);
    const headers = { 'idempotency-key': 'ready-1' };
    const wish = { promptId: 'pr_r', promptVersion: 'production', variables: { scene: 'a', mood: 'b' } };
    const first = await post('/v1/briefs/bf_r/ready', wish, 200, { headers });
    expect(first.body).toMatchObject({ promptVersion: 2, revision: 2 });
    const again = await post('/v1/briefs/bf_r/ready', wish, 200, { headers });
    expect([again.body, again.headers['idempotent-replay']]).toEqual([first.body, 'true']);
    expect((await get('/v1/briefs/bf_r')).body.revision).toBe(2);
  });
});

describe('a benchmark', () => {
  const BENCHMARK = { costPerUsableClip: { currency: 'USD', amountMinor: 12_000 }, qualityBar: { usableRate: '0.1' } };

  it('is set, set again, read and listed by name', async () => {
    const set = await put('/v1/benchmarks/agency', BENCHMARK, 200);
    expect(set.body).toMatchObject({ name: 'agency', ...BENCHMARK });
    expect((await get('/v1/benchmarks/agency')).body).toEqual(set.body);
    await put('/v1/benchmarks/agency', { ...BENCHMARK, qualityBar: { usableRate: '0.25' } }, 200);
    await put('/v1/benchmarks/Stock', { ...BENCHMARK, qualityBar: { usableRate: '1' } }, 200);
    expect((await get('/v1/benchmarks/agency')).body.qualityBar).toEqual({ usableRate: '0.25' });
    const names = async (query: string): Promise<string[]> =>
      (await get(`/v1/benchmarks${query}`)).body.data.map(({ name }: { name: string }) => name);
    expect(await names('')).toEqual(['Stock', 'agency']);
    const first = (await get('/v1/benchmarks?limit=1')).body;
    expect(await names(`?limit=1&cursor=${first.nextCursor}`)).toEqual(['agency']);
    await get('/v1/benchmarks?cursor=none', 400);
  });

  it('is refused with each member at fault, and is the tenant’s', async () => {
    for (const usableRate of [0.1, '1.1', '-0.1', '.5', '0.1234567', '1e-1', '', '0,1', '00.1'])
      expect([usableRate, pointersOf(await put('/v1/benchmarks/b', { ...BENCHMARK, qualityBar: { usableRate } }, 400))]).toEqual([
        usableRate,
        ['/qualityBar/usableRate'],
      ]);
    for (const costPerUsableClip of [
      { currency: 'usd', amountMinor: 1 },
      { currency: 'USD', amountMinor: -1 },
      { currency: 'USD', amountMinor: 0.5 },
      120,
      {},
    ])
      await put('/v1/benchmarks/b', { ...BENCHMARK, costPerUsableClip }, 400);
    for (const name of ['-b', 'a%20b', '%00', 'x'.repeat(101)])
      expect([name, pointersOf(await put(`/v1/benchmarks/${name}`, BENCHMARK, 400))]).toEqual([name, ['/name']]);
    await get('/v1/benchmarks/none', 404);
    await get('/v1/benchmarks/%00', 404);
    await get('/v1/benchmarks/agency', 404, { key: strangerKey });
    await put('/v1/benchmarks/agency', BENCHMARK, 403, { key: boundKey });
    await get('/v1/benchmarks/agency', 403, { key: boundKey });
    await get('/v1/benchmarks', 403, { key: boundKey });
  });
});

it('answers every operation on briefs, prompts and benchmarks as the document says', () => {
  expect(unseenOperations((tag) => tag === 'Studio').filter((id) => /Brief|Prompt|Benchmark/.test(id))).toEqual([]);
});
