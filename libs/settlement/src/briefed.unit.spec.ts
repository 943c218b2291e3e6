// What a task with a brief promises: the text it was rendered to, whatever the brief says later, and an attempt of the budget exactly where it was opened.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { refuse } from '#libs/kernel';
import { EventStoreUnavailable, SessionsOverloaded, tenantStream, type AppendResult, type CommandAppend } from '#libs/event-store';
import type { TaskInput } from './settlement.messages.js';
import { House, request, TENANT, type HouseProcess } from './testing/house.js';
import { die, TornEventStore, type Torn } from './testing/torn-store.js';

let house: House;
let app: HouseProcess;

async function open(options: Parameters<typeof House.open>[0] = {}): Promise<void> {
  house = await House.open(options);
  app = await house.process();
  await app.account('acc_1');
  house.briefs.versions.set('prompt_1@v1', 'A {{scene}} for {{goal}}.');
  house.briefs.brief('brief_1', { attemptBudget: 3, variables: { scene: 'kitchen' } });
}
beforeEach(() => open());

const wish = (more: Partial<TaskInput> = {}): TaskInput => ({ accountId: 'acc_1', model: 'basic', briefId: 'brief_1', ...more });
const rendered = (more: Partial<TaskInput> = {}): TaskInput => wish({ promptVersionId: 'prompt_1@v1', ...more });
const byHand = (more: Partial<TaskInput> = {}): TaskInput => wish({ prompt: 'by hand', ...more });
function submit(input: TaskInput, key?: string, process = app) {
  return process.submissions.submit(request(input, key === undefined ? {} : { key }), input);
}
async function accepted(input: TaskInput, key?: string, process = app) {
  const answer = await submit(input, key, process);
  if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}
const used = (briefId = 'brief_1') => house.briefs.used(briefId);

describe('a task with a brief', () => {
  it('records brief, version and refs, and seals the rendered text with the variables', async () => {
    const { view } = await accepted(rendered({ variables: { scene: 'garden' }, metadata: { shot: '1' } }));
    expect(view).toMatchObject({
      prompt: 'A garden for summer launch.',
      briefId: 'brief_1',
      briefRevision: 1,
      promptVersionId: 'prompt_1@v1',
      variables: { scene: 'garden' },
      metadata: { shot: '1' },
    });
    const [submitted] = await app.facts({ type: 'TaskSubmitted' });
    expect(submitted?.data).toMatchObject({
      brief: { briefId: 'brief_1', promptId: 'prompt_1', promptVersion: 1, budgeted: true },
      prompt: { $erasable: expect.any(String) },
      variables: { $erasable: expect.any(String) },
    });
    expect(JSON.stringify(submitted?.data)).not.toMatch(/garden|summer/);
    const opener = await app.keys.openerFor(TENANT, 'acc_1');
    expect(opener?.open(submitted?.sealed ?? '')).toEqual({
      prompt: 'A garden for summer launch.',
      variables: { scene: 'garden' },
      metadata: { shot: '1' },
    });
  });

  it('keeps the variables that it took over, and none where there were none', async () => {
    expect((await accepted(rendered())).view).toMatchObject({ prompt: 'A kitchen for summer launch.', variables: { scene: 'kitchen' } });
    house.briefs.versions.set('prompt_2@v1', 'For {{goal}}.');
    house.briefs.brief('brief_2');
    const plain = await accepted(wish({ briefId: 'brief_2', promptVersionId: 'prompt_2@v1' }));
    expect(plain.view).toMatchObject({ prompt: 'For summer launch.', variables: null });
    expect((await app.facts({ type: 'TaskSubmitted' })).at(-1)?.data).not.toHaveProperty('variables');
  });

  it('without a version has its own prompt', async () => {
    expect((await accepted(byHand())).view).toMatchObject({ prompt: 'by hand', promptVersionId: null, variables: null, briefRevision: 1 });
  });

  it('has its brief in the fact that records its refusal', async () => {
    const answer = await submit(rendered({ model: 'grand' }), 'k');
    expect(answer).toMatchObject({ ok: false, code: 'plan_required' });
    const [rejected] = await app.facts({ type: 'TaskRejected' });
    expect(rejected?.data).toMatchObject({ brief: { briefId: 'brief_1', promptVersionId: 'prompt_1@v1' } });
    expect(await submit(rendered({ model: 'grand' }), 'k')).toEqual({ ...answer, replayed: true });
  });

  it('is refused over its account first, then over its brief, then over all else', async () => {
    expect(await submit(byHand({ accountId: 'acc_none', briefId: 'none' }))).toMatchObject({
      code: 'not_found',
      detail: 'There is no such account.',
    });
    expect(await submit(byHand({ briefId: 'none', model: 'nope' }))).toMatchObject({
      code: 'not_found',
      detail: 'There is no such brief.',
    });
    house.briefs.briefs.get('brief_1')!.variables = {};
    expect(await submit(rendered({ model: 'nope' }))).toMatchObject({
      code: 'validation_failed',
      fields: { errors: [{ pointer: '/variables/scene' }] },
    });
    expect(await submit(byHand({ model: 'nope' }))).toMatchObject({ code: 'unknown_model' });
    expect(await app.facts({ type: 'TaskRejected' })).toEqual([]);
  });

  it('that is repeated answers what was rendered first, from any process', async () => {
    const first = await accepted(rendered(), 'k');
    Object.assign(house.briefs.briefs.get('brief_1')!, { revision: 2, goal: 'winter', variables: { scene: 'street' } });
    house.briefs.versions.clear();
    const again = await accepted(rendered(), 'k', await house.process());
    expect(again.replayed).toBe(true);
    expect(JSON.stringify(again.view)).toBe(JSON.stringify(first.view));
    house.briefs.briefs.clear();
    expect((await accepted(rendered(), 'k')).view).toEqual(first.view);
    expect(used()).toBe(1);
  });

  it('is another request with other variables, another version, or variables that were only taken over', async () => {
    await accepted(rendered({ variables: { scene: 'garden' } }), 'k');
    await accepted(rendered(), 'defaults');
    const reused = { ok: false, code: 'idempotency_key_reused' };
    expect(await submit(rendered({ variables: { scene: 'roof' } }), 'k')).toMatchObject(reused);
    expect(await submit(rendered(), 'k')).toMatchObject(reused);
    expect(await submit(rendered({ variables: { scene: 'kitchen' } }), 'defaults')).toMatchObject(reused);
    expect(await submit(wish({ promptVersionId: 'prompt_1@v2' }), 'defaults')).toMatchObject(reused);
    expect(used()).toBe(2);
  });

  it('is all that asks the studio anything: a task without one does not', async () => {
    await accepted({ accountId: 'acc_1', model: 'basic', prompt: 'p' }, 'k');
    expect(house.briefs.asked).toBe(0);
    expect((await app.facts({ type: 'TaskSubmitted' })).at(-1)?.data).not.toHaveProperty('brief');
    await accepted(rendered(), 'k2');
    expect(house.briefs.asked).toBe(2);
    await accepted(rendered(), 'k2');
    expect(house.briefs.asked).toBe(2);
  });
});

describe('the budget', () => {
  it('is held to by submissions at once, in two processes', async () => {
    const other = await house.process();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => submit(byHand(), undefined, at % 2 === 0 ? app : other)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(3);
    const refused = answers.flatMap((answer) => (answer.ok ? [] : [answer]));
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['attempt_budget_exhausted']));
    expect(await app.figures('acc_1')).toMatchObject({ held: 210, open: 3 });
  });

  it('counts one attempt under one key, however often and by how many it is asked', async () => {
    const other = await house.process();
    const processes = [app, other, app, other];
    await Promise.all(processes.map((process) => accepted(rendered(), 'k', process)));
    await accepted(rendered(), 'k', other);
    expect(used()).toBe(1);
    expect(await app.facts({ type: 'TaskSubmitted' })).toHaveLength(1);
  });

  it.each<[string, Partial<TaskInput>]>([
    ['price_changed', { expectedCredits: 1 }],
    ['unknown_model', { model: 'nope' }],
    ['plan_required', { model: 'grand' }],
    ['validation_failed', { parameters: { nothing: 1 } }],
    ['not_found', { quoteId: `quote_${'0'.repeat(32)}` }],
  ])('gives the attempt back of a submission that was refused: %s', async (code, more) => {
    expect(await submit(byHand(more))).toMatchObject({ ok: false, code });
    expect(await submit(byHand(more), 'k')).toMatchObject({ ok: false, code });
    expect(used()).toBe(0);
  });

  it('gives it back after insufficient credits, and takes it once they are there', async () => {
    await app.account('acc_poor', 'free');
    const poor = byHand({ accountId: 'acc_poor' });
    await accepted(poor);
    await accepted(poor);
    expect(await submit(poor)).toMatchObject({ code: 'insufficient_credits' });
    expect(used()).toBe(2);
    await accepted(byHand());
    expect(await submit(byHand())).toMatchObject({ code: 'attempt_budget_exhausted', fields: { attemptBudget: 3, attemptsUsed: 3 } });
  });

  it('refuses nothing for good: the same key may come again', async () => {
    for (let at = 0; at < 3; at += 1) await accepted(byHand());
    expect(await submit(byHand(), 'k')).toMatchObject({ code: 'attempt_budget_exhausted' });
    house.briefs.briefs.get('brief_1')!.attemptBudget = 4;
    await accepted(byHand(), 'k');
    expect(used()).toBe(4);
  });

  it('loses nothing to a process that ends between attempt and task: it is found out when the budget is used up', async () => {
    const { accounts } = app;
    const execute = accounts.execute.bind(accounts);
    accounts.execute = die;
    for (let at = 0; at < 3; at += 1) await expect(submit(byHand())).rejects.toThrow('the process ended here');
    accounts.execute = execute;
    expect(used()).toBe(3);
    expect(await submit(byHand())).toMatchObject({ code: 'attempt_budget_exhausted' });
    house.briefs.heals = true;
    await accepted(byHand());
    expect(used()).toBe(1);
  });

  it('keeps the attempt where nobody knows whether the task was opened', async () => {
    const { store } = app;
    const original = store.submit.bind(store);
    // Durable, and the answer is lost.
    store.submit = (command: CommandAppend, settled: (outcome: AppendResult | EventStoreUnavailable) => void) =>
      original(command, () => settled(new EventStoreUnavailable('the connection broke')));
    await expect(submit(byHand(), 'k')).rejects.toThrow(EventStoreUnavailable);
    store.submit = original;
    expect(used()).toBe(1);
    house.briefs.heals = true;
    const other = await house.process();
    expect((await accepted(byHand(), 'k', other)).replayed).toBe(true);
    expect(used()).toBe(1);
  });

  it.each<[string, Error]>([
    ['without room', new SessionsOverloaded('too many')],
    ['with a fault of ours', new TypeError('undefined is not a function')],
  ])('gives it back where it ends %s, and throws the same', async (_how, fault) => {
    const { accounts } = app;
    accounts.execute = () => Promise.reject(fault);
    await expect(submit(byHand())).rejects.toBe(fault);
    expect(used()).toBe(0);
  });

  it('leaves the attempt to the task that another process opened under the same key, though this one was refused', async () => {
    const other = await house.process();
    const { accounts } = other;
    const execute = accounts.execute.bind(accounts);
    // Refused on a price that is gone, while the first one is about to be accepted.
    accounts.execute = async () => {
      accounts.execute = execute;
      await accepted(byHand(), 'k');
      return { kind: 'refused', refusal: refuse('price_changed', 'late'), revision: 0 };
    };
    expect(await submit(byHand(), 'k', other)).toMatchObject({ code: 'price_changed' });
    expect(used()).toBe(1);
  });
});

describe('a batch of tasks with briefs', () => {
  function batch(tasks: TaskInput[], options: { key?: string; atomic?: boolean } = {}, process = app) {
    const { atomic = false, key } = options;
    return process.batches.submit(
      request({ tasks, atomic }, { path: '/v1/tasks/batch', ...(key !== undefined && { key }) }),
      tasks,
      atomic,
    );
  }
  const statuses = (answer: Awaited<ReturnType<typeof batch>>) =>
    answer.ok ? answer.view.results.map((entry) => ('task' in entry ? entry.task.status : entry.problem.code)) : [answer.code];

  it('stands entry by entry, and answers the same again', async () => {
    const tasks = [rendered(), byHand({ model: 'grand' }), byHand(), rendered({ promptVersionId: 'none@v1' }), byHand(), byHand()];
    const expected = ['pending', 'plan_required', 'pending', 'not_found', 'pending', 'attempt_budget_exhausted'];
    const first = await batch(tasks, { key: 'b' });
    expect(statuses(first)).toEqual(expected);
    expect(used()).toBe(3);
    house.briefs.brief('brief_1', { attemptBudget: 100, goal: 'winter', variables: { scene: 'street' } });
    const again = await batch(tasks, { key: 'b' }, await house.process());
    expect(JSON.stringify(again.ok && again.view)).toBe(JSON.stringify(first.ok && first.view));
  });

  it('of all or none takes the attempts of every brief or none, and holds nothing without them', async () => {
    house.briefs.brief('brief_2', { attemptBudget: 1 });
    const second = byHand({ briefId: 'brief_2' });
    expect(await batch([byHand(), second, second], { atomic: true })).toMatchObject({
      code: 'attempt_budget_exhausted',
      fields: { briefId: 'brief_2' },
    });
    expect([used(), used('brief_2')]).toEqual([0, 0]);
    expect(await app.figures('acc_1')).toMatchObject({ held: 0 });
    for (const key of [undefined, 'refused']) {
      const refused = await batch([byHand(), byHand({ model: 'grand' }), second], { atomic: true, ...(key !== undefined && { key }) });
      expect(refused).toMatchObject({ code: 'plan_required' });
      expect([used(), used('brief_2')]).toEqual([0, 0]);
    }
    const all = await batch([byHand(), second, rendered(), { accountId: 'acc_1', model: 'basic', prompt: 'no brief' }], { atomic: true });
    expect(statuses(all)).toEqual(['pending', 'pending', 'pending', 'pending']);
    expect([used(), used('brief_2')]).toEqual([2, 1]);
    expect(await app.figures('acc_1')).toMatchObject({ held: 280 });
  });

  it('of all or none names the entry at fault in its pointers', async () => {
    const tasks = [byHand(), rendered({ variables: { mood: 'x' } })];
    expect(await batch(tasks, { atomic: true })).toMatchObject({
      code: 'validation_failed',
      fields: { errors: [{ pointer: '/tasks/1/variables/scene' }] },
    });
    expect(used()).toBe(0);
  });

  it('of all or none answers the same again, and is another with other variables', async () => {
    const tasks = [rendered(), rendered({ variables: { scene: 'garden' } }), byHand()];
    const first = await batch(tasks, { atomic: true, key: 'b' });
    house.briefs.brief('brief_1', { attemptBudget: 0, goal: 'winter', variables: { scene: 'street' } });
    const again = await batch(tasks, { atomic: true, key: 'b' }, await house.process());
    expect(again).toEqual({ ...first, replayed: true });
    expect(first).toMatchObject({
      view: { results: [{ task: { prompt: 'A kitchen for summer launch.' } }, { task: { variables: { scene: 'garden' } } }, {}] },
    });
    const reused = { ok: false, code: 'idempotency_key_reused' };
    const [, own, hand] = tasks as [TaskInput, TaskInput, TaskInput];
    expect(await batch([rendered(), rendered({ variables: { scene: 'roof' } }), hand], { atomic: true, key: 'b' })).toMatchObject(reused);
    expect(await batch([rendered(), rendered(), hand], { atomic: true, key: 'b' })).toMatchObject(reused);
    expect(await batch([rendered({ variables: { scene: 'kitchen' } }), own, hand], { atomic: true, key: 'b' })).toMatchObject(reused);
    expect(await batch([rendered(), own, byHand({ prompt: 'other' })], { atomic: true, key: 'b' })).toMatchObject(reused);
  });

  it('of all or none keeps a refusal for good, and tells other variables apart', async () => {
    const tasks = [rendered({ variables: { scene: 'garden' } }), byHand({ model: 'grand' })];
    const first = await batch(tasks, { atomic: true, key: 'b' });
    expect(first).toMatchObject({ code: 'plan_required' });
    expect(await batch(tasks, { atomic: true, key: 'b' })).toEqual({ ...first, replayed: true });
    const other = [rendered({ variables: { scene: 'roof' } }), byHand({ model: 'grand' })];
    expect(await batch(other, { atomic: true, key: 'b' })).toMatchObject({ code: 'idempotency_key_reused' });
    expect(used()).toBe(0);
  });
});

describe('where a hold and its task are not written as one', () => {
  let other: HouseProcess;
  const storeOf = (process: HouseProcess): TornEventStore => process.store as TornEventStore;
  beforeEach(async () => {
    const torn: Torn = new Map();
    await open({ storeOf: ({ clock, log }) => new TornEventStore(clock, log, torn) });
    other = await house.process();
  });
  const hold = async () => (await app.facts({ type: 'CreditsReserved' })).at(-1)!;

  it('a task that a healer had to fail uses no attempt', async () => {
    storeOf(app).between = die;
    await expect(submit(rendered(), 'k')).rejects.toThrow(EventStoreUnavailable);
    expect(used()).toBe(1);
    await other.interruptions.heal(await hold());
    expect(await submit(rendered(), 'k', other)).toMatchObject({ ok: true, view: { status: 'failed', briefId: null, prompt: null } });
    house.briefs.heals = true;
    for (let at = 0; at < 3; at += 1) await accepted(byHand(), undefined, other);
    expect(used()).toBe(3);
  });

  it.each([undefined, 'k'])('one that comes late to its own healed task gives the attempt back (key %s)', async (key) => {
    storeOf(app).between = async () => other.interruptions.heal(await hold());
    expect(await submit(rendered(), key)).toMatchObject({ ok: true, view: { status: 'failed' } });
    expect(used()).toBe(0);
  });

  it('the same key hears of the task that came after all, with the text that was rendered for it', async () => {
    let go: () => void = () => undefined;
    storeOf(app).between = () => new Promise((resolve) => (go = resolve));
    const first = accepted(rendered(), 'k');
    while ((await app.facts({ type: 'CreditsReserved' })).length === 0) await new Promise(setImmediate);
    const second = accepted(rendered(), 'k', other);
    await new Promise(setImmediate);
    go();
    const [one, two] = await Promise.all([first, second]);
    expect(two.view).toMatchObject({
      id: one.view.id,
      prompt: 'A kitchen for summer launch.',
      variables: { scene: 'kitchen' },
      briefId: 'brief_1',
    });
    expect(used()).toBe(1);
    expect((await app.facts({ stream: tenantStream('task', TENANT, one.view.id) })).map(({ type }) => type)).toEqual(['TaskSubmitted']);
  });
});
