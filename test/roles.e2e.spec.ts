import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { booksOf } from './support/books.js';
import { Deployment } from './support/deployment.js';
import { ADMIN_KEY, call, type Reply } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { until } from './support/until.js';

const TASKS = 2_000;
const ACCOUNTS = 8;
const SUBMITTING_AT_ONCE = 24;
const CREDITS = 70;
const OUTCOMES = [
  { outcome: 'succeed', afterMs: 50 },
  { outcome: 'succeed', afterMs: 300 },
  { outcome: 'succeed', afterMs: 100, deliveredFraction: 0.5 },
  { outcome: 'fail', afterMs: 100 },
  { outcome: 'reject' },
  { outcome: 'lost_submit', afterMs: 50 },
  { outcome: 'late', afterMs: 50 },
  { outcome: 'hang' },
];

describe('every role as processes of their own, one of each killed under load', () => {
  const accounts = Array.from({ length: ACCOUNTS }, (_, n) => `roles-${n}`);
  let database: TestDatabase;
  let deployment: Deployment;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = new Deployment({ DATABASE_URL: database.url, POOL_SIZE: '4' });
    await deployment.startAll(['api-1', 'api-2', 'projector-1', 'projector-2', 'orchestrator-1', 'orchestrator-2', 'orchestrator-3']);
    for (const id of accounts) {
      expect((await anyApi('POST', '/v1/accounts', { id, name: id, plan: 'max' })).status).toBe(201);
      const grant = { bucket: 'purchased', credits: (TASKS / ACCOUNTS) * CREDITS, reference: 'roles' };
      expect((await anyApi('POST', `/v1/accounts/${id}/grants`, grant)).status).toBe(201);
    }
  }, 120_000);

  afterAll(async () => {
    await deployment.stop();
    await database.drop();
  }, 60_000);

  let calls = 0;
  /** Any API will do, as behind a load balancer. */
  const anyApi = (method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Reply> => {
    const urls = deployment.urls('api');
    return call(urls[calls++ % urls.length]!, method, path, body, headers);
  };

  /** As clients do: the same key until there is an answer. */
  async function submit(n: number): Promise<string> {
    const body = {
      accountId: accounts[n % ACCOUNTS],
      model: 'kling-ai-5s',
      prompt: `clip ${n}`,
      parameters: { deadlineMs: 6_000, simulate: OUTCOMES[n % OUTCOMES.length] },
    };
    let reply: Reply | null = null;
    await until(
      async () => {
        reply = await anyApi('POST', '/v1/tasks', body, { 'idempotency-key': `roles-${n}` }).catch(() => null);
        return reply !== null && reply.status < 500;
      },
      { withinMs: 60_000, what: () => `task ${n} to be answered: ${JSON.stringify(reply?.body)}` },
    );
    expect(reply).toMatchObject({ status: 202 });
    return reply!.body.id as string;
  }

  it('ends with every task settled once, nothing held and balanced books', async () => {
    const at = new Map<number, () => Promise<void>>([
      [300, () => deployment.kill('orchestrator-1')],
      [600, () => deployment.kill('projector-1')],
      [900, () => deployment.kill('api-1')],
    ]);
    const ids: string[] = [];
    const kills: Array<Promise<void>> = [];
    const numbers = Array.from({ length: TASKS }, (_, n) => n).values();
    const client = async (): Promise<void> => {
      for (const n of numbers) {
        const kill = at.get(n);
        if (kill !== undefined) kills.push(kill());
        ids[n] = await submit(n);
      }
    };
    await Promise.all(Array.from({ length: SUBMITTING_AT_ONCE }, client));
    expect(kills).toHaveLength(at.size);
    await Promise.all(kills);
    expect(new Set(ids).size).toBe(TASKS);

    await until(async () => (await held()) === 0, { withinMs: 120_000, what: () => `nothing to be held\n${deployment.outputs()}` });
    const { rows } = await database.pool.query<{ submitted: string; ended: string; dispatched: string }>(
      `SELECT count(*) FILTER (WHERE type = 'TaskSubmitted') AS submitted,
              count(*) FILTER (WHERE type IN ('CreditsConsumed', 'CreditsRefunded')) AS ended,
              count(*) FILTER (WHERE type = 'TaskDispatched') AS dispatched
       FROM events`,
    );
    expect(rows).toEqual([{ submitted: String(TASKS), ended: String(TASKS), dispatched: expect.any(String) }]);
    for (const id of accounts) {
      const books = await booksOf({ url: deployment.urls('api')[0]!, key: ADMIN_KEY }, id);
      expect(books).toMatchObject({ balanced: true, held: 0, granted: expect.any(Number) });
    }
  }, 300_000);

  async function held(): Promise<number> {
    const balances = await Promise.all(accounts.map((id) => anyApi('GET', `/v1/accounts/${id}/balance`)));
    return balances.reduce((sum, { body }) => sum + (body.held as number), 0);
  }
});
