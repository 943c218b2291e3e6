import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, freePort, readAt, ServerProcess, type Reply } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';

const PRICE = 70;

describe('200 simultaneous submits against credits for 10', () => {
  let database: TestDatabase;
  let servers: ServerProcess[];

  beforeAll(async () => {
    database = await createTestDatabase();
    servers = [];
    for (let n = 0; n < 2; n++) {
      const server = new ServerProcess(await freePort(), { DATABASE_URL: database.url });
      await server.start();
      servers.push(server);
    }
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await database.drop();
  });

  const balanceAt = (url: string, account: string, position: string): Promise<Reply['body']> =>
    readAt(url, `/v1/accounts/${account}/balance`, position);

  async function race(account: string, urls: string[]): Promise<Record<string, number>> {
    const opened = await call(urls[0]!, 'POST', '/v1/accounts', { id: account, name: account, plan: 'free' });
    expect(opened.status).toBe(201);
    const allowance = (await balanceAt(urls[0]!, account, opened.body.position)).available;
    const granted = await call(urls[0]!, 'POST', `/v1/accounts/${account}/grants`, {
      bucket: 'promotional',
      reference: 'race',
      credits: 10 * PRICE - allowance,
    });
    expect(granted.status).toBe(201);
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        call(urls[n % urls.length]!, 'POST', '/v1/tasks', {
          accountId: account,
          model: 'kling-ai-5s',
          prompt: 'x',
          parameters: { simulate: { outcome: 'hang' } },
        }),
      ),
    );
    const counts: Record<string, number> = {};
    for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
    const last = replies
      .map(({ body }) => String(body.position))
      .sort()
      .at(-1)!;
    expect(await balanceAt(urls[0]!, account, last)).toMatchObject({ available: 0, held: 10 * PRICE });
    return counts;
  }

  it('accepts exactly 10 in one process', async () => {
    expect(await race('one', [servers[0]!.url])).toEqual({ 202: 10, 402: 190 });
  });

  it('accepts exactly 10 over two processes on one database', async () => {
    expect(await race('two', [servers[0]!.url, servers[1]!.url])).toEqual({ 202: 10, 402: 190 });
  });

  it('answers the same key once, whichever process hears it', async () => {
    await call(servers[0]!.url, 'POST', '/v1/accounts', { id: 'same', name: 'same', plan: 'pro' });
    const body = { accountId: 'same', model: 'kling-ai-5s', prompt: 'once', parameters: { simulate: { outcome: 'hang' } } };
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => call(servers[n % 2]!.url, 'POST', '/v1/tasks', body, { 'idempotency-key': 'the-same' })),
    );
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([202]));
    expect(new Set(replies.map((reply) => JSON.stringify(reply.body))).size).toBe(1);
    expect(replies.filter((reply) => reply.headers.get('idempotent-replay') === null)).toHaveLength(1);
    const last = replies[0]!.body.position;
    expect((await balanceAt(servers[1]!.url, 'same', last)).held).toBe(PRICE);
  });
});
