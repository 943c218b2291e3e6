// What submitting a task for a brief promises at the edge: a prompt that is rendered and kept, a budget that holds to the attempt, and replays that do not change.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { createApiWorld, type Answer, type ApiWorld } from './api-world.js';

let world: ApiWorld;
const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  world.call(method, path, body, { headers });
const submit = (more: object, headers: Record<string, string> = {}): Promise<Answer> =>
  call('POST', '/v1/tasks', { accountId: 'studio-a', model: 'pika-basic', ...more }, headers);
const batch = (tasks: object[], more: { atomic?: boolean; key?: string } = {}): Promise<Answer> => {
  const { atomic = false, key } = more;
  const all = tasks.map((task) => ({ accountId: 'studio-a', model: 'pika-basic', ...task }));
  return call('POST', '/v1/tasks/batch', { tasks: all, atomic }, key === undefined ? {} : { 'idempotency-key': key });
};
const held = async (accountId: string): Promise<number> => (await call('GET', `/v1/accounts/${accountId}/balance`)).body.held as number;
/** A refusal names no position that a read could wait for. */
async function usedTo(attempts: Record<string, number>): Promise<void> {
  for (const [briefId, expected] of Object.entries(attempts)) {
    const used = async (): Promise<unknown> => (await call('GET', `/v1/briefs/${briefId}`)).body.attemptsUsed;
    await until(async () => (await used()) === expected, { what: () => `${expected} attempts of ${briefId} to be used` });
  }
}

const BRIEF = {
  channel: 'instagram_reel',
  format: 'social_broll',
  durationSeconds: 6,
  goal: 'support a post about the summer launch',
  mustInclude: ['bright kitchen', 'morning light', 'refreshing mood'],
  riskLevel: 'low',
  consistencyRequirement: 'low',
};
async function brief(id: string, more: object = {}): Promise<void> {
  expect((await call('POST', '/v1/briefs', { id, ...BRIEF, ...more })).status).toBe(201);
}

beforeAll(async () => {
  world = await createApiWorld({}, { orchestrated: false });
  for (const id of ['studio-a', 'studio-b', 'studio-poor']) {
    await call('POST', '/v1/accounts', { id, name: id, plan: id === 'studio-poor' ? 'free' : 'max' });
  }
  await call('POST', '/v1/prompts', {
    id: 'reel',
    name: 'Reel',
    template: 'A {{duration_seconds}} s {{scene}} clip with {{must_include}}.',
  });
  await call('POST', '/v1/prompts/reel/versions', { template: 'For {{channel}}: {{scene}}, {{mood}}.' });
  await brief('plain');
});
afterAll(() => world.close());

const V1 = { briefId: 'plain', promptVersionId: 'reel@v1' };
const RENDERED = 'A 6 s iced tea clip with bright kitchen, morning light and refreshing mood.';

describe('a task with a prompt version', () => {
  it('is rendered from version, brief and variables, and shows what from', async () => {
    const answer = await submit({ ...V1, variables: { scene: 'iced tea' } });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        prompt: RENDERED,
        briefId: 'plain',
        briefRevision: 0,
        promptVersionId: 'reel@v1',
        variables: { scene: 'iced tea' },
      },
    });
    expect((await call('GET', `/v1/tasks/${answer.body.id}`)).body).toMatchObject({ ...answer.body, position: expect.any(String) });
    const list = await call('GET', '/v1/tasks?accountId=studio-a&limit=1');
    expect(list.body.data[0]).toMatchObject({ id: answer.body.id, prompt: RENDERED, briefId: 'plain', variables: { scene: 'iced tea' } });
    const why = await call('GET', `/v1/tasks/${answer.body.id}/explanation`);
    expect(why.body).toMatchObject({ reproduced: true });
  });

  it('keeps brief and version in its fact, and text and variables out of the clear', async () => {
    const { body } = await submit({ ...V1, variables: { scene: 'a very private kitchen' } });
    const text = 'SELECT data, row_to_json(e)::text AS line FROM events e WHERE stream LIKE $1';
    const { rows } = await world.database.pool.query<{ data: string; line: string }>(text, [`%${body.id}`]);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.line).not.toContain('private kitchen');
    expect(JSON.parse(rows[0]?.data ?? '')).toMatchObject({
      brief: { briefId: 'plain', briefRevision: 0, promptId: 'reel', promptVersion: 1, promptVersionId: 'reel@v1', budgeted: false },
      prompt: { $erasable: expect.any(String) },
      variables: { $erasable: expect.any(String) },
    });
    expect(world.logged.join('')).not.toContain('private kitchen');
  });

  it('takes the variables that the brief was readied with where it brings none', async () => {
    await brief('readied');
    const ready = { promptId: 'reel', promptVersion: 2, variables: { scene: 'lemonade', mood: 'calm' } };
    await call('POST', '/v1/briefs/readied/ready', ready);
    const answer = await submit({ briefId: 'readied', promptVersionId: 'reel@v2' });
    const prompt = 'For instagram_reel: lemonade, calm.';
    expect(answer.body).toMatchObject({ prompt, briefRevision: 1, variables: { scene: 'lemonade', mood: 'calm' } });
    expect((await call('GET', `/v1/tasks/${answer.body.id}`)).body).toMatchObject({
      prompt,
      variables: { scene: 'lemonade', mood: 'calm' },
    });
    const own = await submit({ briefId: 'readied', promptVersionId: 'reel@v2', variables: { scene: 'tea', mood: 'loud' } });
    expect(own.body.prompt).toBe('For instagram_reel: tea, loud.');
  });

  it('may bring its own prompt for a brief, and names no version then', async () => {
    const { body } = await submit({ briefId: 'plain', prompt: 'by hand' });
    expect(body).toMatchObject({ prompt: 'by hand', briefId: 'plain', promptVersionId: null, variables: null });
    expect((await submit({ prompt: 'no brief' })).body).toMatchObject({
      briefId: null,
      briefRevision: null,
      promptVersionId: null,
      variables: null,
    });
  });

  it.each([
    ['no prompt at all', { briefId: 'plain' }, ['/prompt']],
    ['a version without a brief', { promptVersionId: 'reel@v1' }, ['/briefId']],
    ['a version and a prompt', { ...V1, prompt: 'p' }, ['/prompt']],
    ['variables without a version', { briefId: 'plain', prompt: 'p', variables: { scene: 'x' } }, ['/variables']],
    ['a label for a version', { briefId: 'plain', promptVersionId: 'reel@production' }, ['/promptVersionId']],
    ['a missing variable', V1, ['/variables/scene']],
    ['an unknown one', { ...V1, variables: { scene: 'x', mood: 'y' } }, ['/variables/mood']],
    ['one that the brief supplies', { ...V1, variables: { scene: 'x', must_include: 'y' } }, ['/variables/must_include']],
  ])('is refused with %s, and with the place of the fault', async (_name, more, pointers) => {
    const before = await held('studio-a');
    const answer = await submit(more);
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    expect((answer.body.errors as Array<{ pointer: string }>).map(({ pointer }) => pointer)).toEqual(pointers);
    expect(await held('studio-a')).toBe(before);
  });

  it('is refused where brief or version is not there, and where the brief is another account’s', async () => {
    expect(await submit({ briefId: 'nobody', prompt: 'p' })).toMatchObject({ status: 404 });
    expect(await submit({ briefId: 'plain', promptVersionId: 'reel@v9' })).toMatchObject({ status: 404 });
    await brief('of-b', { accountId: 'studio-b' });
    expect(await submit({ briefId: 'of-b', prompt: 'p' })).toMatchObject({ status: 400, body: { errors: [{ pointer: '/accountId' }] } });
    expect(await submit({ briefId: 'of-b', prompt: 'p', accountId: 'studio-b' })).toMatchObject({ status: 202 });
    // An account that does not exist is said first.
    expect(await submit({ briefId: 'nobody', prompt: 'p', accountId: 'no-one' })).toMatchObject({
      status: 404,
      body: { detail: 'There is no such account.' },
    });
    const otherTenant = await world.newKey(['tasks:write', 'studio:write'], { tenant: 'elsewhere' });
    const elsewhere = await world.call('POST', '/v1/tasks', { accountId: 'studio-a', model: 'pika-basic', ...V1 }, { key: otherTenant });
    expect(elsewhere.status).toBe(404);
  });
});

describe('an Idempotency-Key', () => {
  it('answers the same body after the brief was readied anew, and takes one attempt', async () => {
    await brief('again', { attemptBudget: 5 });
    await call('POST', '/v1/briefs/again/ready', { promptId: 'reel', promptVersion: 2, variables: { scene: 'tea', mood: 'calm' } });
    const wish = { briefId: 'again', promptVersionId: 'reel@v2' };
    const first = await submit(wish, { 'idempotency-key': 'again-1' });
    await call('POST', '/v1/briefs/again/ready', { promptId: 'reel', promptVersion: 2, variables: { scene: 'juice', mood: 'loud' } });
    const second = await submit(wish, { 'idempotency-key': 'again-1' });
    expect(second.headers['idempotent-replay']).toBe('true');
    expect(second.status).toBe(202);
    expect(second.text).toBe(first.text);
    expect(second.body.prompt).toBe('For instagram_reel: tea, calm.');
    await usedTo({ again: 1 });
  });

  it('is another request with other variables, and with those that were only taken over', async () => {
    const wish = { ...V1, variables: { scene: 'tea' } };
    await submit(wish, { 'idempotency-key': 'vars-1' });
    expect((await submit(wish, { 'idempotency-key': 'vars-1' })).headers['idempotent-replay']).toBe('true');
    expect((await submit({ ...V1, variables: { scene: 'juice' } }, { 'idempotency-key': 'vars-1' })).body.code).toBe(
      'idempotency_key_reused',
    );
    const wished = { briefId: 'readied', promptVersionId: 'reel@v2' };
    await submit(wished, { 'idempotency-key': 'vars-2' });
    const said = await submit({ ...wished, variables: { scene: 'lemonade', mood: 'calm' } }, { 'idempotency-key': 'vars-2' });
    expect(said.body.code).toBe('idempotency_key_reused');
  });
});

describe('a budget of attempts', () => {
  it('holds to the attempt under 50 submissions at once from two accounts', async () => {
    await brief('ten', { attemptBudget: 10 });
    const before = (await held('studio-a')) + (await held('studio-b'));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        submit({ briefId: 'ten', prompt: `clip ${index}`, accountId: index % 2 === 0 ? 'studio-a' : 'studio-b' }),
      ),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
    const refused = answers.filter(({ status }) => status !== 202);
    for (const answer of refused)
      expect(answer).toMatchObject({ status: 409, body: { code: 'attempt_budget_exhausted', attemptBudget: 10, attemptsUsed: 10 } });
    expect((await held('studio-a')) + (await held('studio-b')) - before).toBe(400);
    await usedTo({ ten: 10 });
  });

  it('counts no submission that was refused, whether the refusal is kept or not', async () => {
    await brief('three', { attemptBudget: 3 });
    const poor = { briefId: 'three', prompt: 'p', accountId: 'studio-poor' };
    const short = await submit({ ...poor, model: 'pika-effects', expectedCredits: 1 });
    expect(short.body.code).toBe('price_changed');
    const tooGrand = await submit({ ...poor, model: 'kling-ai-60s' }, { 'idempotency-key': 'grand' });
    expect(tooGrand).toMatchObject({ status: 403, body: { code: 'plan_required' } });
    await usedTo({ three: 0 });
    const rejected = await call('GET', `/v1/tasks/${tooGrand.body.taskId}`);
    expect(rejected.body).toMatchObject({ status: 'rejected', briefId: 'three' });
    expect(await submit({ ...poor, model: 'kling-ai-60s' }, { 'idempotency-key': 'grand' })).toMatchObject({ status: 403 });
    await usedTo({ three: 0 });
    for (let index = 0; index < 3; index += 1) expect((await submit({ briefId: 'three', prompt: 'p' })).status).toBe(202);
    expect((await submit({ briefId: 'three', prompt: 'p' })).status).toBe(409);
  });
});

describe('a batch', () => {
  const entry = { briefId: 'few', prompt: 'p' };

  it('judges each entry as the single call', async () => {
    await brief('few', { attemptBudget: 2 });
    const tasks = [entry, { ...V1, variables: { scene: 'tea' } }, entry, V1, entry, { promptVersionId: 'reel@v1' }];
    const answer = await batch(tasks, { key: 'each-1' });
    const brought = (answer.body.results as any[]).map(({ task, problem }) => (task ? task.briefId : problem.code)); // eslint-disable-line @typescript-eslint/no-explicit-any
    expect(brought).toEqual(['few', 'plain', 'few', 'validation_failed', 'attempt_budget_exhausted', 'validation_failed']);
    const again = await batch(tasks, { key: 'each-1' });
    expect(again.body.results.map((each: object) => JSON.stringify({ ...each, problem: undefined }))).toEqual(
      answer.body.results.map((each: object) => JSON.stringify({ ...each, problem: undefined })),
    );
    await usedTo({ few: 2 });
  });

  it('of all or none takes every attempt or none', async () => {
    await brief('pair', { attemptBudget: 2 });
    await brief('single', { attemptBudget: 1 });
    const before = await held('studio-a');
    const of = (briefId: string): object => ({ briefId, prompt: 'p' });
    const tooMany = await batch([of('pair'), of('single'), of('single')], { atomic: true });
    expect(tooMany).toMatchObject({ status: 409, body: { code: 'attempt_budget_exhausted', attemptBudget: 1, attemptsUsed: 0 } });
    await usedTo({ pair: 0, single: 0 });
    const dear = await batch([of('pair'), { ...of('single'), expectedCredits: 1 }], { atomic: true });
    expect(dear.body.code).toBe('price_changed');
    const faulty = await batch([of('pair'), V1], { atomic: true });
    expect(faulty).toMatchObject({ status: 400, body: { errors: [{ pointer: '/tasks/1/variables/scene' }] } });
    await usedTo({ pair: 0, single: 0 });
    expect(await held('studio-a')).toBe(before);
    const tasks = [of('pair'), of('single'), of('pair'), { ...V1, variables: { scene: 'iced tea' } }];
    const all = await batch(tasks, { atomic: true, key: 'all-1' });
    expect(all.status).toBe(200);
    expect(all.body.results[3].task).toMatchObject({ prompt: RENDERED, variables: { scene: 'iced tea' } });
    const again = await batch(tasks, { atomic: true, key: 'all-1' });
    expect(again.text).toBe(all.text);
    await usedTo({ pair: 2, single: 1 });
    const other = await batch([...tasks.slice(0, 3), { ...V1, variables: { scene: 'juice' } }], { atomic: true, key: 'all-1' });
    expect(other.body.code).toBe('idempotency_key_reused');
  });
});

describe('a quote', () => {
  it('is used without parameters at its price, also where it was made for a fraction of a second', async () => {
    const modifiers = { perSecond: { includedSeconds: 5, creditsPerSecond: 10 } };
    const model = { name: 'Sized', family: 'sized', outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'free', modifiers };
    await call('PUT', '/v1/models/sized', model);
    const parameters = { durationSeconds: 7.25, simulate: { outcome: 'succeed', deliveredFraction: 0.5 } };
    const quote = await call('POST', '/v1/quotes', { accountId: 'studio-a', model: 'sized', parameters });
    expect(quote).toMatchObject({ status: 201, body: { credits: 93 } });
    const answer = await submit({ model: 'sized', prompt: 'p', quoteId: quote.body.id });
    expect(answer).toMatchObject({
      status: 202,
      body: { credits: { quoted: 93 }, parameters: { durationSeconds: '7.25', simulate: { deliveredFraction: '0.5' } } },
    });
    expect((await call('GET', `/v1/tasks/${answer.body.id}/explanation`)).body).toMatchObject({ reproduced: true });
  });
});
