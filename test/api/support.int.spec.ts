// What support can ask: an account as it stood, one user's timeline, why a task was decided as it was, and who did what.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, createApiWorld, type Answer, type ApiWorld } from './api-world.js';
import { until } from '../support/until.js';

const USER = 'u 1/é';
const DAY_MS = 86_400_000;

let world: ApiWorld;

beforeAll(async () => {
  world = await createApiWorld({ TEST_CLOCK: '1', LATE_RESULT: 'offer' });
});
afterAll(async () => {
  await world.close();
});

async function ok(answer: Promise<Answer>, status: number): Promise<Answer> {
  const answered = await answer;
  if (answered.status !== status) throw new Error(`${answered.status}: ${answered.text}`);
  return answered;
}
const get = (path: string, key?: string): Promise<Answer> => ok(world.call('GET', path, undefined, key === undefined ? {} : { key }), 200);
const post = (path: string, body: object, status: number): Promise<Answer> => ok(world.call('POST', path, body), status);

async function settled(id: string): Promise<string> {
  await until(async () => (await get(`/v1/tasks/${id}`)).body.settlement !== 'open');
  return id;
}

async function submit(accountId: string, simulate: object, more: object = {}): Promise<string> {
  const parameters = { simulate: { afterMs: 5, ...simulate } };
  return (await post('/v1/tasks', { accountId, model: 'kling-ai-5s', prompt: 'a fox', userId: USER, parameters, ...more }, 202)).body.id;
}

const generate = async (accountId: string, simulate: object, more: object = {}): Promise<string> =>
  settled(await submit(accountId, simulate, more));

type Names = 'done' | 'part' | 'failed' | 'quoted' | 'timed out' | 'lapsed' | 'lapsed too';
const tasks = {} as Record<Names, string>;
let refused: Answer;
let granted: Answer;
let cancelled: Answer;
let batched: string;
let lapsedAt: string;

beforeAll(async () => {
  await post('/v1/accounts', { id: 'acc_1', name: 'Moss', plan: 'free' }, 201);
  granted = await post('/v1/accounts/acc_1/grants', { bucket: 'purchased', credits: 300, reference: 'inv-1' }, 201);
  tasks['done'] = await generate('acc_1', { outcome: 'succeed', cost: { currency: 'USD', amountMinor: 3 } });
  tasks['part'] = await generate('acc_1', { outcome: 'succeed', deliveredFraction: 0.5 });
  tasks['failed'] = await generate('acc_1', { outcome: 'fail' });
  await post(`/v1/tasks/${tasks['done']}/refunds`, { credits: 20, reason: 'blurred' }, 201);
  refused = await ok(world.call('POST', '/v1/tasks', { accountId: 'acc_1', model: 'kling-ai-60s', prompt: 'x', userId: USER }), 403);
  const { body: quote } = await post('/v1/quotes', { accountId: 'acc_1', model: 'kling-ai-5s' }, 201);
  tasks['quoted'] = await generate('acc_1', { outcome: 'succeed' }, { quoteId: quote.id });
  const hanging = { accountId: 'acc_1', model: 'pika-basic', prompt: 'b', parameters: { simulate: { outcome: 'hang' } } };
  const { body: batch } = await post('/v1/tasks/batch', { atomic: true, tasks: [hanging, hanging] }, 200);
  batched = batch.results[1].task.id;
  cancelled = await ok(world.call('POST', `/v1/tasks/${batched}/cancel`, {}), 200);
  tasks['timed out'] = await generate('acc_1', { outcome: 'hang' }, { parameters: { simulate: { outcome: 'hang' }, deadlineMs: 200 } });

  // A hold that outlives its grant comes back in the same bucket.
  await post('/v1/accounts', { id: 'acc_2', name: 'Lichen', plan: 'free' }, 201);
  const expiresAt = new Date(Date.now() + DAY_MS).toISOString();
  await post('/v1/accounts/acc_2/grants', { bucket: 'promotional', credits: 50, expiresAt, reference: 'welcome' }, 201);
  const parameters = { simulate: { outcome: 'hang' }, deadlineMs: DAY_MS };
  tasks['lapsed'] = await submit('acc_2', {}, { model: 'kling-ai-10s', parameters });
  tasks['lapsed too'] = await submit('acc_2', {}, { model: 'kling-ai-5s', parameters });
  lapsedAt = new Date(Date.now() + 40 * DAY_MS).toISOString();
  await post('/v1/test-clock', { now: lapsedAt }, 200);
  await settled(tasks['lapsed']);
  await settled(tasks['lapsed too']);
});

describe('an explanation', () => {
  it('decides each decision again the same, whatever has become of prices and plans', async () => {
    const plan = { name: 'Free', rank: 0, monthlyAllowance: 1, upgradeCredit: 'full' };
    await ok(world.call('PUT', '/v1/plans/free', plan), 200);
    await ok(world.call('PUT', '/v1/models/kling-ai-5s/price', { credits: 999, reason: 'spec' }), 200);
    for (const [name, id] of Object.entries({ ...tasks, batched, refused: refused.body.taskId })) {
      const { body } = await get(`/v1/tasks/${id}/explanation`);
      const differing = body.decisions.filter((each: { reproduced: boolean }) => !each.reproduced);
      expect([name, differing, body.reproduced, body.taskId]).toEqual([name, [], true, id]);
      expect(body.decisions[0].command.type).toBe('SubmitTask');
    }
    const { body } = await get(`/v1/tasks/${tasks['done']}/explanation`);
    const rules = body.decisions.map((each: { rule: string }) => each.rule);
    expect(rules[0]).toBe('submission.at-price');
    expect(rules.slice(-2)).toEqual(['consumption.in-full', 'refund.goodwill']);
    expect(body.decisions[0]).toMatchObject({
      priceVersion: 'kling-ai-5s@1',
      planVersion: 1,
      outcome: 'accepted',
      facts: ['CreditsReserved', 'TaskSubmitted'],
      state: { plan: 'free', available: 500, held: 0, frozen: 0, drawdown: [{ bucket: 'subscription', credits: 70 }] },
    });
  });

  it('needs its scope, and a task that the key may see', async () => {
    const path = `/v1/tasks/${tasks['done']}/explanation`;
    expect((await world.call('GET', path, undefined, { key: await world.newKey(['tasks:read', 'balances:read']) })).status).toBe(403);
    expect((await world.call('GET', path, undefined, { key: await world.newKey(['support:read'], { accounts: ['acc_9'] }) })).status).toBe(
      404,
    );
    expect((await world.call('GET', path, undefined, { key: await world.newKey(['support:read'], { tenant: 'other' }) })).status).toBe(404);
    expect((await world.call('GET', `/v1/tasks/task_${'0'.repeat(32)}/explanation`)).status).toBe(404);
  });
});

describe("an account's history", () => {
  it('is now what the account and its balance are, with every fact, newest first', async () => {
    const { body } = await get('/v1/accounts/acc_1/history?limit=200');
    const [account, balance] = [(await get('/v1/accounts/acc_1')).body, (await get('/v1/accounts/acc_1/balance')).body];
    expect(body.account).toEqual(account);
    expect({ ...body.balance, asOf: '' }).toEqual({ ...balance, asOf: '' });
    expect(body.data.map((fact: { revision: number }) => fact.revision)).toEqual(
      [...Array((account.revision as number) + 1).keys()].reverse(),
    );
    expect(body.data.at(-1)).toMatchObject({ type: 'AccountOpened', stream: 'account-default.acc_1', schemaVersion: 1, revision: 0 });
    expect(body.nextCursor).toBeNull();
  });

  it('is at a position the account right after that fact', async () => {
    const { body } = await get(`/v1/accounts/acc_1/history?at=${granted.body.position}`);
    expect(body).toMatchObject({
      position: granted.body.position,
      balance: { available: 500, held: 0 },
      account: { id: 'acc_1', name: 'Moss' },
    });
    expect(body.data[0]).toMatchObject({ type: 'CreditsGranted', position: granted.body.position, recordedAt: body.at });
    expect(body.data.map((fact: { type: string }) => fact.type)).toEqual(['CreditsGranted', 'CreditsGranted', 'AccountOpened']);
    // A position of another stream will do as well.
    const later = await get(`/v1/accounts/acc_1/history?at=${String(cancelled.headers['position'])}`);
    expect(later.body.balance.held).toBe(cancelled.body.outcome === 'done' ? 40 : 80);
  });

  it('is at an instant what the balance was then, lapses by their validity', async () => {
    const { data: facts } = (await get('/v1/accounts/acc_1/history?limit=200')).body;
    const reset = facts.find((fact: { type: string }) => fact.type === 'CycleReset');
    expect(reset.effectiveAt).toBe(reset.data.effectiveAt);
    expect(reset.effectiveAt < reset.recordedAt).toBe(true);
    const justBefore = new Date(Date.parse(reset.effectiveAt) - 1).toISOString();
    for (const at of [reset.effectiveAt, justBefore, facts.at(-1).recordedAt]) {
      const { body } = await get(`/v1/accounts/acc_1/history?at=${at}`);
      expect(body.balance).toEqual((await get(`/v1/accounts/acc_1/balance?asOf=${at}`)).body);
      expect(body.at).toBe(at);
      expect(body.data.every((fact: { recordedAt: string }) => fact.recordedAt <= at)).toBe(true);
    }
  });

  it('is paged as of one moment, without loss, while facts go on', async () => {
    const whole = (await get('/v1/accounts/acc_1/history?limit=200')).body;
    let page = (await get('/v1/accounts/acc_1/history?limit=4')).body;
    const found = [...page.data];
    await post('/v1/accounts/acc_1/grants', { bucket: 'referral', credits: 5, reference: 'meanwhile' }, 201);
    while (page.nextCursor !== null) {
      const next = (await get(`/v1/accounts/acc_1/history?limit=4&cursor=${page.nextCursor}`)).body;
      expect(next.balance).toEqual(page.balance);
      expect(next.position).toBe(page.position);
      page = next;
      found.push(...page.data);
    }
    expect(found).toEqual(whole.data);
  });

  it('refuses what is later than now or than the log, and what is neither instant nor position', async () => {
    const cursor = (await get('/v1/accounts/acc_1/history?limit=1')).body.nextCursor;
    for (const query of [
      'at=9999999999999999',
      'at=2999-01-01T00:00:00Z',
      'at=2026-01-01',
      'at=12',
      'cursor=abc',
      `at=${granted.body.position}&cursor=${cursor}`,
    ])
      expect([query, (await world.call('GET', `/v1/accounts/acc_1/history?${query}`)).status]).toEqual([query, 400]);
    for (const path of ['acc_9/history', 'acc_1/history?at=0000000000000001', 'acc_1/history?at=2020-01-01T00:00:00Z'])
      expect([path, (await world.call('GET', `/v1/accounts/${path}`)).status]).toEqual([path, 404]);
  });

  it('is open to either scope, and to no other', async () => {
    for (const [scopes, status] of [
      [['balances:read'], 200],
      [['support:read'], 200],
      [['tasks:read', 'finance:read'], 403],
    ] as const)
      expect((await world.call('GET', '/v1/accounts/acc_1/history', undefined, { key: await world.newKey([...scopes]) })).status).toBe(
        status,
      );
    const bound = await world.newKey(['support:read'], { accounts: ['acc_2'] });
    expect((await world.call('GET', '/v1/accounts/acc_1/history', undefined, { key: bound })).status).toBe(404);
  });
});

describe("a user's history", () => {
  const path = `/v1/users/${encodeURIComponent(USER)}/history`;

  it('has the tasks, decisions and movements over all accounts, newest first, paged without loss', async () => {
    const all: Array<{ kind: string; type: string; taskId: string; accountId: string; position: string; eventId: string }> = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Answer = await get(`${path}?limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`);
      all.push(...body.data);
      cursor = body.nextCursor;
    }
    expect(all).toEqual((await get(`${path}?limit=200`)).body.data);
    expect(new Set(all.map((row) => row.taskId))).toEqual(new Set([...Object.values(tasks), refused.body.taskId]));
    expect(new Set(all.map((row) => row.accountId))).toEqual(new Set(['acc_1', 'acc_2']));
    expect(new Set(all.map((row) => row.kind))).toEqual(new Set(['task', 'decision', 'movement']));
    expect(all.map((row) => row.position)).toEqual(
      all
        .map((row) => row.position)
        .sort()
        .reverse(),
    );
    const charged = all.filter((row) => row.taskId === tasks['done'] && row.kind === 'movement').map((row) => row.type);
    expect(charged).toEqual(['refunded', 'consumed', 'reserved']);
  });

  it('is not there for a user that was never seen, nor without its scope', async () => {
    expect((await world.call('GET', '/v1/users/nobody/history')).status).toBe(404);
    expect((await world.call('GET', path, undefined, { key: await world.newKey(['tasks:read']) })).status).toBe(403);
    expect((await world.call('GET', path, undefined, { key: await world.newKey(['support:read'], { tenant: 'other' }) })).status).toBe(404);
  });
});

describe('the audit', () => {
  interface Row {
    id: string;
    action: string;
    status: number;
    requestId: string;
    target: string | null;
    actor: { keyId: string; name: string };
    position: string | null;
    at: string;
  }
  const audit = async (query = ''): Promise<Row[]> => (await get(`/v1/audit?limit=200${query}`)).body.data;

  it('tells of writes and privileged reads, refused ones too, of no one unknown, and at once', async () => {
    const key = await world.newKey(['balances:read', 'finance:read', 'ledger:write']);
    const { body: keys } = await get('/v1/api-keys?limit=200');
    const keyId: string = keys.data.at(-1).id;
    const calls: Array<[string, string, object | undefined, string | null]> = [
      ['GET', '/v1/accounts/acc_1/balance', undefined, key],
      ['GET', '/v1/finance/aging', undefined, key],
      ['GET', '/v1/audit', undefined, key],
      ['POST', '/v1/accounts/acc_1/grants', { bucket: 'referral', credits: 1, reference: 'rc_0123456789abcdef' }, key],
      ['POST', '/v1/accounts/acc_1/grants', { bucket: 'nonsense' }, key],
      ['POST', '/v1/accounts', { name: 'New', plan: 'free' }, key],
      ['POST', '/v1/accounts/rc_0123456789abcdef/plan', { plan: 'pro' }, key],
      ['GET', '/v1/finance/aging', undefined, null],
      ['GET', '/v1/finance/aging', undefined, 'rc_nobody-has-this-key'],
    ];
    const answers: Answer[] = [];
    for (const [method, path, body, token] of calls) answers.push(await world.call(method, path, body, { key: token }));
    const rows = await audit(`&actor=${keyId}`);
    expect(rows.map(({ action, status }) => [action, status]).reverse()).toEqual([
      ['getAging', 200],
      ['listAudit', 403],
      ['grantCredits', 201],
      ['grantCredits', 400],
      ['openAccount', 201],
      ['changePlan', 404],
    ]);
    expect(rows.map(({ requestId }) => requestId).reverse()).toEqual(
      [1, 2, 3, 4, 5, 6].map((index) => answers[index]?.headers['request-id']),
    );
    expect(rows.every(({ actor }) => actor.keyId === keyId && actor.name === 'spec')).toBe(true);
    const [plan, opened, , grant] = rows;
    expect(plan?.target).toBe('[redacted]');
    expect(opened?.target).toBe(answers[5]?.body.id);
    expect([grant?.target, grant?.position]).toEqual(['acc_1', answers[3]?.headers['position']]);
    const { rows: stored } = await world.database.pool.query('SELECT * FROM audit_entries');
    for (const secret of ['rc_0123456789abcdef', ADMIN_KEY, key, 'nonsense', 'a fox']) expect(JSON.stringify(stored)).not.toContain(secret);
  });

  it('can be asked by action and time, page by page, newest first', async () => {
    const all = await audit('&action=submitTask');
    expect(all.length).toBeGreaterThan(6);
    expect(all.every(({ action }) => action === 'submitTask')).toBe(true);
    expect(all.map(({ at }) => at)).toEqual(
      all
        .map(({ at }) => at)
        .sort()
        .reverse(),
    );
    const first = (await get('/v1/audit?action=submitTask&limit=3')).body;
    const second = (await get(`/v1/audit?action=submitTask&limit=3&cursor=${first.nextCursor}`)).body;
    expect([...first.data, ...second.data].map(({ id }: Row) => id)).toEqual(all.slice(0, 6).map(({ id }) => id));
    const middle = all[3] as Row;
    expect((await audit(`&action=submitTask&to=${middle.at}`)).every(({ at }) => at < middle.at)).toBe(true);
    expect((await audit(`&action=submitTask&from=${middle.at}`)).every(({ at }) => at >= middle.at)).toBe(true);
    expect((await world.call('GET', '/v1/audit?from=2027-01-02&to=2027-01-01')).status).toBe(400);
  });

  it('is of the tenant, and hidden from keys that are bound to accounts', async () => {
    const other = await world.newKey(['support:read'], { tenant: 'other' });
    expect((await get('/v1/audit?action=submitTask', other)).body.data).toEqual([]);
    const bound = await world.newKey(['support:read'], { accounts: ['acc_1'] });
    expect((await world.call('GET', '/v1/audit', undefined, { key: bound })).status).toBe(403);
  });

  it('is kept for as long as configured', async () => {
    const old = new Date(Date.now() - 3_650 * DAY_MS).toISOString();
    await world.database.pool.query(
      `INSERT INTO audit_entries VALUES ('default', $1, 'audit_old', 'key_x', 'x', 'submitTask', 'POST', '/', NULL, 202, 'req_old', NULL)`,
      [old],
    );
    const other = await createApiWorld({ TEST_CLOCK: '1' }, { database: world.database, orchestrated: false });
    try {
      await other.call('POST', '/v1/accounts', { name: 'Fern', plan: 'free' });
      await until(async () => (await world.database.pool.query(`SELECT 1 FROM audit_entries WHERE id = 'audit_old'`)).rowCount === 0);
    } finally {
      await other.close();
    }
    // What that process answered last was written before it ended.
    expect((await audit('&action=openAccount'))[0]?.status).toBe(201);
  });
});

describe('docs/support.md', () => {
  const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'support.md'), 'utf8');
  const questions = [...document.matchAll(/^### (\d+)\. "[^\n]*\n\s+```bash\n([\s\S]*?)```/gm)].map(
    ([, number, call]) => [Number(number), call ?? ''] as const,
  );

  function run(script: string, env: Record<string, string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('bash', ['-e', '-c', script], { env: { ...process.env, ...env } });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${String(code)}: ${out}`))));
    });
  }

  it('answers each of its ten questions with one call', async () => {
    const grantedAt = (await get(`/v1/accounts/acc_1/history?at=${granted.body.position}`)).body.at;
    const { url } = await world.api.listen();
    const KEY = await world.newKey(['support:read', 'balances:read', 'tasks:read']);
    const common = {
      URL: url,
      KEY,
      ACCOUNT: 'acc_1',
      USER_ID: encodeURIComponent(USER),
      MODEL: 'kling-ai-5s',
      INSTANT: grantedAt,
    };
    const task: Record<number, string | undefined> = {
      1: tasks['failed'],
      3: refused.body.taskId,
      5: tasks['lapsed'],
      7: tasks['timed out'],
      8: batched,
    };
    const answers = new Map<number, Answer['body']>();
    for (const [number, call] of questions) {
      expect([...call.matchAll(/curl/g)]).toHaveLength(1);
      const env = { ...common, TASK: task[number] ?? '', ...(number === 5 && { ACCOUNT: 'acc_2' }) };
      answers.set(number, JSON.parse(await run(call, env)));
    }
    expect([...answers.keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(answers.get(1)).toMatchObject({ charged: 0, statement: expect.stringContaining('Not charged') });
    expect(answers.get(2).data[0]).toMatchObject({ type: 'expired', bucket: 'subscription', availableAfter: 0 });
    expect(answers.get(3).decisions[0]).toMatchObject({
      rule: 'submission.plan-too-low',
      refusal: { code: 'plan_required' },
      reproduced: true,
    });
    expect(answers.get(4).data.some((row: { type: string }) => row.type === 'TaskSubmitted')).toBe(true);
    const buckets = answers.get(5).data.map(({ type, bucket }: { type: string; bucket: string }) => `${type} ${bucket}`);
    expect(buckets).toEqual(['reserved subscription', 'refunded subscription']);
    expect(answers.get(6).balance.available).toBe(500);
    const rules = answers.get(7).decisions.map((each: { rule: string }) => each.rule);
    expect(rules).toEqual(expect.arrayContaining(['ending.deadline', 'refund.timed-out']));
    expect(answers.get(8).data.map((each: { type: string }) => each.type)).toContain('TaskCancellationRequested');
    expect(answers.get(9).data).toHaveLength(2);
    expect(answers.get(10).data.some((row: { target: string }) => row.target === 'acc_1')).toBe(true);
  });
});
