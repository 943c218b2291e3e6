// From a brief through tasks to the report by HTTP: what a clip cost is what the ledger says, and it is seen by whom its account belongs to.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { until } from '../support/until.js';

const REPORT = '/v1/reports/cost-per-usable-clip';
const SCOPES = ['studio:read', 'studio:write', 'tasks:read', 'tasks:write'];

let world: ApiWorld;
let mine: string;
let others: string;

beforeAll(async () => {
  world = await createApiWorld();
  // Without an allowance every credit was bought.
  await ask('PUT', '/v1/plans/bought', { name: 'Bought', rank: 9, monthlyAllowance: 0 }, 200);
  for (const id of ['acc_1', 'acc_2']) await post('/v1/accounts', { id, name: id, plan: 'bought' }, 201);
  const costBasis = { currency: 'USD', amountMinor: 3_000 };
  await post('/v1/accounts/acc_1/grants', { bucket: 'purchased', credits: 2_000, reference: 'inv-1', costBasis }, 201);
  mine = await world.newKey(SCOPES, { accounts: ['acc_1'] });
  others = await world.newKey(SCOPES, { accounts: ['acc_2'] });
  await post('/v1/prompts', { id: 'pr_1', name: 'n', template: 'A {{format}} of {{scene}} with {{must_include}}' }, 201);
  const brief = { channel: 'tv', format: 'spot', durationSeconds: 5, goal: 'sell', riskLevel: 'high', consistencyRequirement: 'low' };
  const more = { id: 'bf_1', accountId: 'acc_1', mustInclude: ['light', 'steam'], attemptBudget: 4, autoReview: true, campaign: 'summer' };
  await post('/v1/briefs', { ...brief, ...more }, 201, { key: mine });
  await post('/v1/briefs/bf_1/ready', { promptId: 'pr_1', promptVersion: 1, variables: { scene: 'a kitchen' } }, 200, { key: mine });
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

const wish = (simulate: object): object => ({
  ...{ accountId: 'acc_1', model: 'kling-ai-5s', briefId: 'bf_1', promptVersionId: 'pr_1@v1' },
  parameters: { simulate: { afterMs: 5, cost: { currency: 'USD', amountMinor: 31 }, ...simulate } },
});
async function generated(simulate: object): Promise<string> {
  const { body } = await post('/v1/tasks', wish(simulate), 202, { key: mine });
  await until(async () => (await get(`/v1/tasks/${body.id}`, 200, { key: mine })).body.settlement !== 'open');
  return body.id as string;
}
async function clipOf(taskId: string): Promise<Answer['body']> {
  const id = taskId.replace('task_', 'clip_');
  await until(async () => {
    const { status, body } = await world.call('GET', `/v1/clips/${id}`);
    return status === 200 && body.state === 'review_pending' && body.generationCost !== null;
  });
  return (await get(`/v1/clips/${id}`)).body;
}

/** By the journal: what the task's consumption was worth. */
async function bookedFor(taskId: string): Promise<number> {
  const { data } = (await get('/v1/journal?account=revenue:usage&commodity=USD&limit=200')).body as { data: Answer['body'][] };
  let sum = 0;
  for (const posting of data) if (posting.taskId === taskId) sum -= Number(posting.amount);
  return sum;
}

describe('tasks of a brief', () => {
  it('become clips that cost what the ledger says, and attempts where they fail; and the budget ends', async () => {
    const whole = await clipOf(await generated({ outcome: 'succeed' }));
    const half = await clipOf(await generated({ outcome: 'succeed', deliveredFraction: 0.5 }));
    await generated({ outcome: 'fail' });
    expect(whole).toMatchObject({
      ...{ accountId: 'acc_1', briefId: 'bf_1', promptVersionId: 'pr_1@v1', model: 'kling-ai-5s', state: 'review_pending' },
      ...{
        creditsUsed: 70,
        generationCost: { currency: 'USD', amountMinor: 105 },
        possibleMoves: expect.arrayContaining(['approved_for_edit']),
      },
    });
    // 52.5 by the grant's rate; what was booked is what it cost.
    expect(half).toMatchObject({ creditsUsed: 35, generationCost: { currency: 'USD', amountMinor: await bookedFor(half.taskId) } });
    expect([52, 53]).toContain(half.generationCost.amountMinor);
    expect(whole.assetUrl).toMatch(/\S/);
    await generated({ outcome: 'succeed' });
    const refused = await post('/v1/tasks', wish({ outcome: 'succeed' }), 409, { key: mine });
    expect(refused.body).toMatchObject({ code: 'attempt_budget_exhausted', attemptBudget: 4, attemptsUsed: 4 });
    expect((await get('/v1/briefs/bf_1')).body.attemptsUsed).toBe(4);
    await until(async () => (await get(REPORT)).body.totalGenerations === 4);
    const { body } = await get(`${REPORT}?groupBy=promptVersion`);
    // The failed one was returned.
    expect(body).toMatchObject({ totalGenerations: 4, usableClips: 0, unpricedCredits: 0, creditsUsed: 175 });
    expect(body.groups.map(({ key }: { key: string }) => key)).toEqual(['pr_1@v1']);
    const summary = (await get('/v1/finance/summary')).body;
    const usd = summary.money.find(({ currency }: { currency: string }) => currency === 'USD');
    expect(body.generationCost).toEqual({ currency: 'USD', amountMinor: usd.recognised });
    const provider = (await get(`${REPORT}?costSource=provider`)).body;
    expect(provider).toMatchObject({
      costSource: 'provider',
      generationCost: { currency: 'USD', amountMinor: Number(usd.providerCost) + Number(usd.absorbedCost) },
    });
  });

  it('are seen and moved by keys of their account, and by no others of it', async () => {
    const list = async (key: string): Promise<Answer['body'][]> => (await get('/v1/clips', 200, { key })).body.data;
    // Settled, and copied: nothing of them changes by itself from here on.
    const isAtRest = ({ assetUrl, creditsUsed }: Answer['body']): boolean => String(assetUrl).startsWith('/v1/assets/') && creditsUsed > 0;
    await until(async () => (await list(mine)).filter(isAtRest).length === 3);
    const [clip] = (await list(mine)) as [Answer['body']];
    expect(await list(others)).toEqual([]);
    expect((await get('/v1/review-queue', 200, { key: others })).body.data).toEqual([]);
    expect((await get('/v1/review-queue', 200, { key: mine })).body.data).toHaveLength(3);
    await get(`/v1/clips/${clip.id}`, 404, { key: others });
    const move = { to: 'approved_for_edit', revision: clip.revision, reviewMinutes: 2, note: 'good light' };
    await post(`/v1/clips/${clip.id}/moves`, move, 404, { key: others });
    const headers = { 'idempotency-key': 'own-move' };
    const moved = await post(`/v1/clips/${clip.id}/moves`, move, 200, { key: mine, headers });
    expect(moved.body).toMatchObject({
      ...{ state: 'approved_for_edit', creditsUsed: clip.creditsUsed, generationCost: clip.generationCost, assetUrl: clip.assetUrl },
      ...{ reviewMinutes: 2, revision: Number(clip.revision) + 1 },
    });
    expect((await post(`/v1/clips/${clip.id}/moves`, move, 200, { key: mine, headers })).body).toEqual(moved.body);
    expect((await get(`/v1/clips/${clip.id}`, 200, { key: mine })).body).toEqual(moved.body);
    expect((await get(REPORT, 200, { key: mine })).body.totalGenerations).toBe(4);
    expect((await get(REPORT, 200, { key: others })).body.totalGenerations).toBe(0);
  });

  it('are lines of the log like all others, for keys that may see them', async () => {
    const lines = (text: string): Answer['body'][] =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    const all = lines((await get('/v1/attempts/export')).text);
    expect(all.map(({ status }) => status)).toEqual([expect.any(String), 'review_pending', 'generation_failed', expect.any(String)]);
    expect(all[1]).toMatchObject({
      brief_id: 'bf_1',
      prompt_id: 'pr_1',
      prompt_version: 'v1',
      credits_used: 35,
      generation_cost_usd: (await bookedFor(String(all[1].id).replace('clip_', 'task_'))) / 100,
    });
    expect(lines((await get('/v1/attempts/export', 200, { key: mine })).text)).toEqual(all);
    expect((await get('/v1/attempts/export', 200, { key: others })).text).toBe('');
  });
});

describe('a report over several currencies', () => {
  it('asks which one is meant, and says what no grant has a price for', async () => {
    const more = { channel: 'tv', format: 'spot', durationSeconds: 5, goal: 'sell', riskLevel: 'low', consistencyRequirement: 'low' };
    await post('/v1/briefs', { ...more, id: 'bf_2', accountId: 'acc_2' }, 201);
    const task = { accountId: 'acc_2', model: 'kling-ai-5s', briefId: 'bf_2', prompt: 'a fox', parameters: { simulate: { afterMs: 5 } } };
    for (const costBasis of [{ currency: 'EUR', amountMinor: 700 }, null]) {
      await post('/v1/accounts/acc_2/grants', { bucket: 'purchased', credits: 70, reference: 'r', costBasis }, 201);
      const { body } = await post('/v1/tasks', task, 202);
      await until(async () => (await get(`/v1/tasks/${body.id}`)).body.settlement !== 'open');
    }
    await until(async () => (await get(`${REPORT}?briefId=bf_2`)).body.totalGenerations === 2);
    const { body } = await get(`${REPORT}?briefId=bf_2`);
    expect(body).toMatchObject({
      currency: 'EUR',
      generationCost: { currency: 'EUR', amountMinor: 700 },
      creditsUsed: 140,
      unpricedCredits: 70,
    });
    expect(body.statement).toContain('70');
    const refused = await get(REPORT, 400);
    expect(refused.body.errors).toMatchObject([{ pointer: '/currency' }]);
    expect((await get(`${REPORT}?currency=EUR`)).body).toMatchObject({
      totalGenerations: 6,
      generationCost: { currency: 'EUR', amountMinor: 700 },
    });
    expect((await get(`${REPORT}?currency=USD`)).body.generationCost.currency).toBe('USD');
  });
});
