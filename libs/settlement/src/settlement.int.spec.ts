// The same promises on PostgreSQL, over two processes that share one database: opening, ending and repeating tasks.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresQuoteStore } from '#libs/catalogue';
import { PostgresEventStore, PostgresKeyVault, tenantStream, type EventStore } from '#libs/event-store';
import type { TaskCommand } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import type { TaskInput } from './settlement.messages.js';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';

let database: TestDatabase;
let house: House;
const stores: EventStore[] = [];
let first: HouseProcess;
let second: HouseProcess;
let accountId: string;
let accounts = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  house = await House.open({
    storeOf: () => stores[stores.push(new PostgresEventStore({ pool })) - 1]!,
    isTicking: true,
    vault: new PostgresKeyVault(pool),
    quotes: new PostgresQuoteStore(pool),
  });
});
beforeEach(async () => {
  [first, second] = await Promise.all([house.process(), house.process()]);
  accountId = `acc_${(accounts += 1)}`;
  await first.account(accountId, 'free');
});
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
afterAll(() => database.drop());

const own = (type?: string) => first.facts({ stream: tenantStream('account', TENANT, accountId), ...(type === undefined ? {} : { type }) });

async function open(key?: string, process = first) {
  const input = wish({ accountId, metadata: { a: '1' } });
  const answer = await process.submissions.submit(request(input, key === undefined ? {} : { key }), input);
  if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}

describe('settlement on PostgreSQL', () => {
  it('opens a task with its reservation in one transaction, and answers it again from the other process', async () => {
    const key = `k-${accountId}`;
    const [answer, twin] = await Promise.all([open(key), open(key, second)]);
    const again = await open(key, second);
    expect(JSON.stringify([twin.view, again.view])).toBe(JSON.stringify([answer.view, answer.view]));
    expect([answer, twin, again].filter((each) => !each.replayed).length).toBe(1);
    expect((await own('CreditsReserved')).length).toBe(1);
    expect(await second.figures(accountId)).toEqual({ available: 130, held: 70, open: 1 });
  });

  it('accepts exactly what the credits pay for out of 200 submissions over two processes', async () => {
    const model = `small-${accounts}`;
    await first.model(model, { name: 'S', family: 's', outputType: 'image', credits: 20, minimumPlan: 'free' });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const input = wish({ accountId, model });
        return (index % 2 === 0 ? first : second).submissions.submit(request(input), input);
      }),
    );
    expect(answers.filter((answer) => answer.ok).length).toBe(10);
    expect(answers.filter((answer) => !answer.ok && answer.code === 'insufficient_credits').length).toBe(190);
    expect(await first.figures(accountId)).toEqual({ available: 0, held: 200, open: 10 });
  });

  it('keeps a refusal for good', async () => {
    const input = wish({ accountId, model: 'grand' });
    const refuse = (process: HouseProcess) => process.submissions.submit(request(input, { key: `k-${accountId}` }), input);
    const refused = await refuse(first);
    expect(refused).toMatchObject({ ok: false, code: 'plan_required' });
    await first.ledger(accountId, { type: 'ChangePlan', plan: 'max' });
    expect(await refuse(second)).toEqual({ ...refused, replayed: true });
  });

  it('charges a quote its price, as often as it was made for', async () => {
    const quote = await first.quote(accountId, 'basic');
    const input = wish({ accountId, quoteId: quote.id });
    const answers = await Promise.all([first, second].map((process) => process.submissions.submit(request(input), input)));
    expect(answers.map((answer) => (answer.ok ? 'accepted' : answer.code)).sort()).toEqual(['accepted', 'conflict']);
  });

  it('settles once when both processes do, and books a late cost once', async () => {
    const { id } = (await open()).view;
    await first.start(id);
    house.clock.advance(600_000);
    const cost = { currency: 'USD', amountMinor: 3 };
    const verdict: Omit<Extract<TaskCommand, { type: 'Complete' }>, 'type'> = {
      attempt: 1,
      assets: [],
      deliveredFraction: '1',
      actualDurationSeconds: null,
      cost,
      lateResultPolicy: 'discard',
    };
    await first.task(id, { type: 'Complete', ...verdict });
    const settled = await Promise.all([first, second, first, second].map((process) => process.settlements.settleFromLog(TENANT, id, null)));
    expect(settled.every((each) => each.settled)).toBe(true);
    expect(
      (await own())
        .map((fact) => fact.type)
        .slice(-2)
        .sort(),
    ).toEqual(['CreditsRefunded', 'ProviderCostBooked']);
    expect((await own()).length).toBe(5);
    expect(await first.figures(accountId)).toEqual({ available: 200, held: 0, open: 0 });
  });

  it('cancels and refunds in one transaction, whichever process is faster', async () => {
    const { id } = (await open()).view;
    const answers = await Promise.all(
      [first, second, second].map((process) => process.cancellations.cancel(request({}, { path: `/v1/tasks/${id}/cancel` }), id, null)),
    );
    expect(answers.map((answer) => answer.ok && answer.view.outcome)).toEqual(['done', 'done', 'done']);
    expect((await own('CreditsRefunded')).length).toBe(1);
    expect(await first.facts({ stream: tenantStream('task', TENANT, id), type: 'TaskCancelled' })).toHaveLength(1);
  });

  it('gives goodwill up to what was consumed, and the same receipt under the same key', async () => {
    const { id } = (await open()).view;
    await first.start(id);
    const verdict: Omit<Extract<TaskCommand, { type: 'Complete' }>, 'type'> = {
      attempt: 1,
      assets: [],
      deliveredFraction: '1',
      actualDurationSeconds: null,
      cost: null,
      lateResultPolicy: 'discard',
    };
    await first.task(id, { type: 'Complete', ...verdict });
    const body = { credits: 40, reason: 'sorry' };
    const give = (process: HouseProcess, key: string) =>
      process.goodwill.refund(request(body, { path: `/v1/tasks/${id}/refunds`, key: `${key}-${accountId}` }), id, body);
    const given = await give(first, 'g1');
    expect(given).toMatchObject({ ok: true, view: { charged: 30 } });
    expect(await give(second, 'g2')).toMatchObject({ ok: false, code: 'conflict' });
    expect(JSON.stringify(await give(second, 'g1'))).toBe(JSON.stringify({ ...given, replayed: true }));
  });

  it.each([false, true])('answers a batch (atomic: %p) the same under its key', async (atomic) => {
    const tasks = [wish({ accountId }), wish({ accountId, prompt: 'two' })];
    const submit = (process: HouseProcess) =>
      process.batches.submit(request({ tasks, atomic }, { path: '/v1/tasks/batch', key: `b-${accountId}` }), tasks, atomic);
    const [answer, twin] = await Promise.all([submit(first), submit(second)]);
    const again = await submit(second);
    expect(answer.ok && answer.view.results.map((entry) => 'task' in entry)).toEqual([true, true]);
    for (const each of [twin, again])
      expect(JSON.stringify({ ...each, replayed: false })).toBe(JSON.stringify({ ...answer, replayed: false }));
    expect(await first.figures(accountId)).toEqual({ available: 60, held: 140, open: 2 });
  });
});

describe('a budget of attempts on PostgreSQL', () => {
  it('is held to over two processes, and counts the tasks that were opened', async () => {
    const briefId = `brief_${accountId}`;
    house.briefs.brief(briefId, { attemptBudget: 2, variables: { scene: 'kitchen' } });
    house.briefs.versions.set('prompt_1@v1', 'A {{scene}} for {{goal}}.');
    await first.ledger(accountId, { type: 'ChangePlan', plan: 'pro' });
    const input: TaskInput = { accountId, model: 'basic', briefId, promptVersionId: 'prompt_1@v1' };
    const submit = (process: HouseProcess, key?: string) =>
      process.submissions.submit(request(input, key === undefined ? {} : { key }), input);
    const key = `k-${accountId}`;
    const [one, twin] = await Promise.all([submit(first, key), submit(second, key)]);
    expect(one).toMatchObject({ ok: true, view: { prompt: 'A kitchen for summer launch.', variables: { scene: 'kitchen' } } });
    expect(twin.ok && twin.view).toEqual(one.ok && one.view);
    expect(house.briefs.used(briefId)).toBe(1);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => submit(at % 2 === 0 ? first : second)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    expect(answers.filter((answer) => !answer.ok && answer.code === 'attempt_budget_exhausted')).toHaveLength(9);
    Object.assign(house.briefs.briefs.get(briefId)!, { goal: 'winter', variables: {} });
    const again = await submit(second, key);
    expect(again).toEqual({ ...one, replayed: true });
    expect((await own('CreditsReserved')).length).toBe(2);
  });
});
