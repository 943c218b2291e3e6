// What a batch promises: alone each entry is the single call, together all or none, and either way the same answer under the same key.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable, MemoryEventStore, tenantStream, type AppendResult, type CommandAppend } from '#libs/event-store';
import type { BatchView } from './batch.answers.js';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';
import type { TaskInput } from './settlement.messages.js';

let house: House;
let app: HouseProcess;

beforeEach(async () => {
  house = await House.open();
  app = await house.process();
  await app.account('acc_1');
  await app.account('acc_free', 'free');
});

function batch(tasks: TaskInput[], options: { key?: string; atomic?: boolean; path?: string; accounts?: string[] } = {}, process = app) {
  const { atomic = false, ...rest } = options;
  return process.batches.submit(request({ tasks, atomic }, { path: '/v1/tasks/batch', ...rest }), tasks, atomic);
}
async function results(...args: Parameters<typeof batch>) {
  const answer = await batch(...args);
  if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}
const codes = (answer: { view: BatchView }) =>
  answer.view.results.map((entry) => ('problem' in entry ? entry.problem.code : entry.task.status));

describe('a batch of which each stands alone', () => {
  const tasks = [
    wish(),
    wish({ accountId: 'acc_none' }),
    wish({ accountId: 'acc_free', model: 'grand' }),
    wish({ model: 'nope' }),
    wish({ accountId: 'acc_free', prompt: 'another' }),
  ];

  it('answers each entry as the single call would, in order', async () => {
    const answer = await results(tasks);
    expect(answer.view.results.map((entry) => entry.index)).toEqual([0, 1, 2, 3, 4]);
    expect(codes(answer)).toEqual(['pending', 'not_found', 'plan_required', 'unknown_model', 'pending']);
    const refused = answer.view.results[2];
    expect(refused !== undefined && 'problem' in refused && refused.problem.fields).toMatchObject({
      requiredPlan: 'max',
      taskId: expect.stringMatching(/^task_/),
    });
    const last = (await app.facts()).at(-1);
    expect(answer.position).toBe(last?.position);
  });

  it('serves one account in the order of the entries: the last ones find the credits used up, and say where that was recorded', async () => {
    await app.account('acc_few', 'free');
    const few = Array.from({ length: 6 }, (_, index) => wish({ accountId: 'acc_few', prompt: `clip ${index}` }));
    const answer = await results(few, { key: 'few' });
    const accepted = codes(answer).filter((code) => code === 'pending').length;
    expect(accepted).toBeGreaterThan(0);
    expect(codes(answer)).toEqual(few.map((_, index) => (index < accepted ? 'pending' : 'insufficient_credits')));
    const refused = answer.view.results.at(-1);
    expect(refused !== undefined && 'problem' in refused && refused.problem.fields).toMatchObject({
      taskId: expect.stringMatching(/^task_/),
      position: expect.stringMatching(/^\d{16}$/),
    });
  });

  it('answers the same under the same key, entries that were refused without a fact included', async () => {
    const first = await results(tasks, { key: 'b1' });
    await app.account('acc_none');
    await app.model('nope', { name: 'N', family: 'n', outputType: 'video', credits: 1, minimumPlan: 'free' });
    const head = await app.store.head();
    const again = await results(tasks, { key: 'b1' }, await house.process());
    expect(again.replayed).toBe(true);
    expect(JSON.stringify(again.view)).toBe(JSON.stringify(first.view));
    expect(again.position).toBe(first.position);
    expect(await app.store.head()).toBe(head);
  });

  it('refuses the key for another batch, and for other texts in it', async () => {
    await results(tasks, { key: 'b1' });
    const reused = { ok: false, code: 'idempotency_key_reused' };
    expect(await batch(tasks.slice(1), { key: 'b1' })).toMatchObject(reused);
    expect(await batch([wish({ prompt: 'other' }), ...tasks.slice(1)], { key: 'b1' })).toMatchObject(reused);
    expect(await batch([wish()], { key: 'b1', atomic: true })).toMatchObject(reused);
    expect((await app.facts({ type: 'TaskSubmitted' })).length).toBe(2);
  });

  it('is finished by its repetition when the process died in the middle', async () => {
    const stores: DyingStore[] = [];
    const dying = await House.open({ storeOf: (own) => stores[stores.push(new DyingStore(own)) - 1]! });
    const before = await dying.process();
    await before.account('acc_1');
    const four = [0, 1, 2, 3].map((shot) => wish({ metadata: { shot: String(shot) } }));
    stores.at(-1)!.submissionsLeft = 2;
    const interrupted = await results(four, { key: 'b1' }, before);
    expect(codes(interrupted).sort()).toEqual(['not_ready', 'not_ready', 'pending', 'pending']);
    const after = await dying.process();
    const healed = await results(four, { key: 'b1' }, after);
    expect(codes(healed)).toEqual(['pending', 'pending', 'pending', 'pending']);
    for (const [index, entry] of interrupted.view.results.entries()) if ('task' in entry) expect(healed.view.results[index]).toEqual(entry);
    expect(JSON.stringify((await results(four, { key: 'b1' }, after)).view)).toBe(JSON.stringify(healed.view));
    expect((await after.facts({ type: 'TaskSubmitted' })).length).toBe(4);
    expect(await after.figures('acc_1')).toMatchObject({ held: 280, open: 4 });
  });

  it('names every task that was opened, also one that another process opened while this one wrote its refusal down', async () => {
    const stores: HesitantStore[] = [];
    const racing = await House.open({ storeOf: (own) => stores[stores.push(new HesitantStore(own)) - 1]! });
    const one = await racing.process();
    await one.account('acc_1');
    const hesitating = stores.at(-1)!.hesitate();
    const two = [wish(), wish({ accountId: 'acc_new', prompt: undefined })];
    const first = results(two, { key: 'b1' }, one);
    await hesitating.reached;
    const other = await racing.process();
    await other.account('acc_new');
    const second = await results(two, { key: 'b1' }, other);
    hesitating.goOn();
    await first;
    expect(codes(second)).toEqual(['pending', 'pending']);
    const later = await results(two, { key: 'b1' }, await racing.process());
    expect(JSON.stringify(later.view)).toBe(JSON.stringify(second.view));
    expect(await other.figures('acc_new')).toMatchObject({ held: 70, open: 1 });
  });

  it('takes a body with entries that were turned away before, and tells their texts from its own', async () => {
    const body = { tasks: [null, 'x', { prompt: 'of no task' }, wish({ prompt: undefined })], atomic: false };
    const submit = (sent: object) =>
      app.batches.submit(request(sent, { path: '/v1/tasks/batch', key: 'b1' }), [wish({ prompt: undefined })], false);
    const answer = await submit(body);
    expect(answer.ok && codes(answer)).toEqual(['pending']);
    expect(await submit(body)).toEqual({ ...answer, replayed: true });
    expect(await submit({ ...body, tasks: body.tasks.slice(1) })).toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('opens each task once when the same batch comes twice at once', async () => {
    const other = await house.process();
    const answers = await Promise.all([app, other, app, other].map((process) => results(tasks, { key: 'b1' }, process)));
    expect((await app.facts({ type: 'TaskSubmitted' })).length).toBe(2);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.view))).size).toBe(1);
  });
});

describe('an atomic batch', () => {
  it('reserves all in one fact and opens every task in the same append', async () => {
    const answer = await results([wish(), wish({ model: 'sized' }), wish({ metadata: { a: '1' } })], { atomic: true });
    expect(codes(answer)).toEqual(['pending', 'pending', 'pending']);
    const [reserved] = await app.facts({ type: 'CreditsReserved' });
    const submitted = await app.facts({ type: 'TaskSubmitted' });
    expect((reserved?.data['reservations'] as object[]).length).toBe(3);
    expect(new Set([reserved, ...submitted].map((fact) => fact?.id.slice(0, -4))).size).toBe(1);
    expect(await app.figures('acc_1')).toEqual({ available: 1_790, held: 210, open: 3 });
    const opener = await app.keys.openerFor(TENANT, 'acc_1');
    expect(submitted.map((fact) => opener?.open(fact.sealed ?? ''))).toEqual([
      { prompt: 'a fox in the snow' },
      { prompt: 'a fox in the snow' },
      { prompt: 'a fox in the snow', metadata: { a: '1' } },
    ]);
  });

  it('is refused whole, with the shortfall of the whole, and leaves no trace without a key', async () => {
    const head = await app.store.head();
    const three = [0, 1, 2].map(() => wish({ accountId: 'acc_free' }));
    expect(await batch(three, { atomic: true })).toMatchObject({
      ok: false,
      code: 'insufficient_credits',
      fields: { required: 210, available: 200, shortfall: 10 },
    });
    expect(await batch([wish({ accountId: 'acc_free' }), wish({ accountId: 'acc_free', model: 'grand' })], { atomic: true })).toMatchObject(
      {
        code: 'plan_required',
      },
    );
    expect(await batch([wish(), wish({ model: 'nope' })], { atomic: true })).toMatchObject({ code: 'unknown_model' });
    expect(await app.store.head()).toBe(head);
  });

  it('is of one account that the key may see', async () => {
    expect(await batch([wish(), wish({ accountId: 'acc_free' })], { atomic: true })).toMatchObject({
      code: 'validation_failed',
      fields: { errors: [{ pointer: '/tasks/1/accountId' }] },
    });
    expect(await batch([wish({ accountId: 'acc_none' })], { atomic: true })).toMatchObject({ code: 'not_found' });
    expect(await batch([wish()], { atomic: true, accounts: ['acc_free'] })).toMatchObject({ code: 'not_found' });
  });

  it('answers the same under the same key, success and refusal, and compares every text', async () => {
    const two = [wish(), wish({ metadata: { a: '1' } })];
    const first = await results(two, { atomic: true, key: 'b1' });
    const again = await results(two, { atomic: true, key: 'b1' }, await house.process());
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first, replayed: true }));
    const reused = { ok: false, code: 'idempotency_key_reused' };
    expect(await batch([wish(), wish({ metadata: { a: '2' } })], { atomic: true, key: 'b1' })).toMatchObject(reused);
    expect(await batch([wish(), wish()], { atomic: true, key: 'b1' })).toMatchObject(reused);

    const three = [0, 1, 2].map((shot) => wish({ accountId: 'acc_free', metadata: { shot: String(shot) } }));
    const refused = await batch(three, { atomic: true, key: 'b2' });
    expect(refused).toMatchObject({ ok: false, code: 'insufficient_credits', position: expect.any(String) });
    await app.ledger('acc_free', {
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 500,
      expiresAt: null,
      reference: null,
      costBasis: null,
    });
    expect(await batch(three, { atomic: true, key: 'b2' })).toEqual({ ...refused, replayed: true });
    expect(await batch([...three.slice(0, 2), wish({ accountId: 'acc_free' })], { atomic: true, key: 'b2' })).toMatchObject(reused);
    expect((await batch(three, { atomic: true, key: 'b3' })).ok).toBe(true);
  });

  it('counts a quote once for each task', async () => {
    const quote = await app.quote('acc_1', 'basic', { quantity: 2 });
    const task = wish({ quoteId: quote.id });
    expect(await batch([task, task, task], { atomic: true })).toMatchObject({ code: 'conflict' });
    expect(codes(await results([task, task], { atomic: true }))).toEqual(['pending', 'pending']);
    expect(await batch([task], { atomic: true })).toMatchObject({ code: 'conflict' });
  });

  it('never takes more than there is, whatever comes at once', async () => {
    const other = await house.process();
    const pair = [wish({ accountId: 'acc_free' }), wish({ accountId: 'acc_free' })];
    const answers = await Promise.all(
      [app, other, app, other].map((process, index) => batch(pair, { atomic: true, key: `b${index}` }, process)),
    );
    expect(answers.filter((answer) => answer.ok).length).toBe(1);
    expect(await app.figures('acc_free')).toEqual({ available: 60, held: 140, open: 2 });
    expect((await app.facts({ stream: tenantStream('account', TENANT, 'acc_free'), type: 'CreditsReserved' })).length).toBe(1);
  });
});

/** Waits, when it is told to, before it writes down what a batch was answered. */
class HesitantStore extends MemoryEventStore {
  private gate: Promise<void> | null = null;
  private reach: () => void = () => undefined;

  constructor(house: House) {
    super(house.clock, house.log);
  }

  hesitate(): { reached: Promise<void>; goOn: () => void } {
    let goOn: () => void = () => undefined;
    this.gate = new Promise((resolve) => (goOn = resolve));
    const reached = new Promise<void>((resolve) => (this.reach = resolve));
    return { reached, goOn };
  }

  override async append(command: CommandAppend): Promise<AppendResult> {
    if (this.gate !== null && command.appends[0]?.facts[0]?.type === 'BatchAnswered') {
      this.reach();
      await this.gate;
    }
    return super.append(command);
  }
}

/** Loses the connection for good once it has written so many submissions. */
class DyingStore extends MemoryEventStore {
  submissionsLeft = Infinity;

  constructor(house: House) {
    super(house.clock, house.log);
  }

  override submit(command: CommandAppend, settled: (outcome: AppendResult | EventStoreUnavailable) => void): void {
    if (command.appends.some((append) => append.facts.some((fact) => fact.type === 'TaskSubmitted'))) {
      if (this.submissionsLeft <= 0) return queueMicrotask(() => settled(new EventStoreUnavailable('the connection is gone')));
      this.submissionsLeft -= 1;
    }
    super.submit(command, settled);
  }
}
