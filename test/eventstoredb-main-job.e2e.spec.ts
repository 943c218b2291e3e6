import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestEventStoreDb } from './eventstoredb/test-server.js';
import { booksOf } from './support/books.js';
import { ADMIN_KEY, call, freePort, readAt, ServerProcess, type Reply } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { until } from './support/until.js';

/** A real server, where there is one; it is not killed. */
const realUrl = process.env['TEST_EVENTSTOREDB_URL'] ?? '';
const PRICE = 70;
const MODEL = 'kling-ai-5s';

describe('the main job with its log in EventStoreDB', () => {
  let log: TestEventStoreDb | null;
  let database: TestDatabase;
  let server: ServerProcess;
  let env: Record<string, string>;

  beforeAll(async () => {
    log = realUrl === '' ? await TestEventStoreDb.start({ isKept: true }) : null;
    database = await createTestDatabase();
    env = {
      DATABASE_URL: database.url,
      EVENT_STORE: 'eventstoredb',
      EVENTSTOREDB_URL: log?.url ?? realUrl,
      EVENTSTOREDB_STREAM_PREFIX: `e2e_${randomUUID().replaceAll('-', '')}_`,
    };
    server = new ServerProcess(await freePort(), env);
    await server.start();
  });

  afterAll(async () => {
    await server.stop();
    await log?.stop();
    await database.drop();
  });

  const get = async (path: string): Promise<Reply['body']> => (await call(server.url, 'GET', path)).body;
  const post = (path: string, body: object, key?: string): Promise<Reply> =>
    call(server.url, 'POST', path, body, key === undefined ? {} : { 'idempotency-key': key });
  /** Time enough for everything but what is to time out. */
  const task = (accountId: string, simulate: object, more: object = {}, deadlineMs = 300_000): object => ({
    accountId,
    model: MODEL,
    prompt: 'a fox in the snow',
    parameters: { deadlineMs, simulate },
    ...more,
  });
  async function account(id: string, credits: number): Promise<void> {
    expect((await post('/v1/accounts', { id, name: id, plan: 'pro' })).status).toBe(201);
    const granted = await post(`/v1/accounts/${id}/grants`, { bucket: 'purchased', credits, reference: 'e2e' });
    expect(granted.status).toBe(201);
  }
  async function settled(id: string): Promise<Reply['body']> {
    let seen: Reply['body'];
    await until(
      async () => {
        seen = await get(`/v1/tasks/${id}`);
        return seen.settlement !== undefined && seen.settlement !== 'open';
      },
      { withinMs: 120_000, what: () => `${id} to settle: ${JSON.stringify(seen)} ${server.output}` },
    );
    return seen;
  }

  const balanceAt = (position: string): Promise<Reply['body']> => readAt(server.url, '/v1/accounts/fox/balance', position);

  it('quotes, holds, generates, charges or refunds, answers retries the same, and balances its books', async () => {
    await account('fox', 1_000);
    const quote = await post('/v1/quotes', { accountId: 'fox', model: MODEL, quantity: 1 }, 'q');
    expect(quote).toMatchObject({ status: 201, body: { credits: PRICE, allowed: true } });
    expect((await post('/v1/quotes', { accountId: 'fox', model: MODEL, quantity: 1 }, 'q')).body).toEqual(quote.body);

    const wish = task('fox', { outcome: 'succeed', afterMs: 100 }, { quoteId: quote.body.id });
    const submitted = await post('/v1/tasks', wish, 'k');
    expect(submitted).toMatchObject({ status: 202, body: { status: 'pending', credits: { held: PRICE } } });
    expect(submitted.body.position).toMatch(/^[0-9a-f]{32}$/);
    const again = await post('/v1/tasks', wish, 'k');
    expect(again.body).toEqual(submitted.body);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect((await post('/v1/tasks', { ...wish, prompt: 'another' }, 'k')).body.code).toBe('idempotency_key_reused');
    // Held, or charged by now.
    expect((await balanceAt(submitted.body.position)).available).toBe(3_000 - PRICE);

    const outcomes = [
      { outcome: 'succeed', afterMs: 100, deliveredFraction: 0.5 },
      { outcome: 'fail', afterMs: 100 },
      { outcome: 'hang' },
      { outcome: 'reject' },
      { outcome: 'lost_submit', afterMs: 50 },
    ];
    const replies = await Promise.all(
      outcomes.map((wanted, n) => post('/v1/tasks', task('fox', wanted, {}, wanted.outcome === 'hang' ? 2_500 : undefined), `mixed-${n}`)),
    );
    expect(replies.map(({ status }) => status)).toEqual(outcomes.map(() => 202));
    const ended = await Promise.all(replies.map(({ body }) => settled(body.id)));
    expect(ended.map(({ status, credits }) => [status, credits.consumed])).toEqual([
      ['completed', PRICE / 2],
      ['failed', 0],
      ['timed_out', 0],
      ['failed', 0],
      ['completed', PRICE],
    ]);
    expect(await settled(submitted.body.id)).toMatchObject({ status: 'completed', settlement: 'consumed', credits: { consumed: PRICE } });

    const goodwill = await post(`/v1/tasks/${submitted.body.id}/refunds`, { credits: 5, reason: 'sorry' }, 'g');
    expect(goodwill.status).toBe(201);
    const goodwillAgain = await post(`/v1/tasks/${submitted.body.id}/refunds`, { credits: 5, reason: 'sorry' }, 'g');
    expect(goodwillAgain.body).toEqual(goodwill.body);
    await balanceAt(goodwill.body.position);
    const receipt = await get(`/v1/tasks/${submitted.body.id}/receipt`);
    expect(receipt.charged).toBe(PRICE - 5);

    const books = await booksOf({ url: server.url, key: ADMIN_KEY }, 'fox');
    expect(books).toMatchObject({ balanced: true, held: 0, available: 3_000 - 2.5 * PRICE + 5 });
  });

  it('cancels what has not begun and what runs, and takes a batch whole', async () => {
    await account('wolf', 1_000);
    const running = await post('/v1/tasks', task('wolf', { outcome: 'hang' }));
    await until(async () => (await get(`/v1/tasks/${running.body.id}`)).status === 'processing');
    const cancelled = await post(`/v1/tasks/${running.body.id}/cancel`, { reason: 'enough' }, 'c');
    expect(cancelled.status).toBeLessThan(300);
    expect((await post(`/v1/tasks/${running.body.id}/cancel`, { reason: 'enough' }, 'c')).body).toEqual(cancelled.body);
    expect(await settled(running.body.id)).toMatchObject({ settlement: 'refunded', credits: { consumed: 0, held: 0 } });

    const tasks = [1, 2, 3].map(() => task('wolf', { outcome: 'succeed', afterMs: 50 }));
    const batch = await post('/v1/tasks/batch', { atomic: true, tasks }, 'b');
    expect(batch.status).toBeLessThan(300);
    expect((await post('/v1/tasks/batch', { atomic: true, tasks }, 'b')).body).toEqual(batch.body);
    for (const { task: one } of batch.body.results) await settled(one.id);
    expect(await booksOf({ url: server.url, key: ADMIN_KEY }, 'wolf')).toMatchObject({ balanced: true, held: 0, consumed: 3 * PRICE });
  });

  (realUrl === '' ? it : it.skip)(
    'goes on where it was when the log is killed and started again under load: nothing lost, nothing doubled',
    async () => {
      await account('bear', 10_000);
      const acknowledged = new Map<number, string>();
      let refused = 0;
      const submit = async (n: number): Promise<void> => {
        const body = task('bear', n % 3 === 0 ? { outcome: 'fail', afterMs: 50 } : { outcome: 'succeed', afterMs: 50 });
        const reply = await post('/v1/tasks', body, `bear-${n}`);
        if (reply.status === 503) {
          expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
          refused += 1;
          return;
        }
        expect(reply.status).toBe(202);
        const first = acknowledged.get(n);
        if (first !== undefined) expect(reply.body.id).toBe(first);
        acknowledged.set(n, reply.body.id);
      };
      const wave = async (from: number, to: number): Promise<void> => {
        await Promise.all(Array.from({ length: to - from }, (_, index) => submit(from + index)));
      };

      const load = wave(0, 40);
      await until(() => acknowledged.size >= 5);
      await log!.kill();
      await load;
      await wave(40, 50);
      expect(refused).toBeGreaterThan(0);
      await log!.run();
      await until(async () => (await fetch(`${server.url}/readyz`)).status === 200, { withinMs: 60_000 });
      // Every client comes again with its keys until it has its answer, and then once more.
      await until(
        async () => {
          await wave(0, 50);
          return acknowledged.size === 50;
        },
        { withinMs: 60_000, what: () => `50 answers, not ${acknowledged.size}: ${server.output}` },
      );
      await wave(0, 50);
      const ended = await Promise.all([...acknowledged.values()].map(settled));
      const consumed = ended.reduce((sum: number, each) => sum + Number(each.credits.consumed), 0);
      for (const { credits } of ended) expect([0, PRICE]).toContain(credits.consumed);
      expect(await booksOf({ url: server.url, key: ADMIN_KEY }, 'bear')).toMatchObject({ balanced: true, held: 0, consumed });
    },
    600_000,
  );

  it('does not begin on a database that belongs to another log', async () => {
    const stranger = new ServerProcess(await freePort(), { ...env, EVENTSTOREDB_STREAM_PREFIX: 'another_' });
    await expect(stranger.start()).rejects.toThrow(/this database belongs to the log/);
    const postgres = new ServerProcess(await freePort(), { DATABASE_URL: database.url });
    await expect(postgres.start()).rejects.toThrow(/this database belongs to the log/);
  });
});
