import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { ADMIN_KEY, createApiWorld, type ApiWorld } from './api-world.js';

interface Watch {
  response: IncomingMessage;
  text: () => string;
  ended: Promise<void>;
}

function watch(url: string, headers: Record<string, string> = {}): Promise<Watch> {
  return new Promise((resolve, reject) => {
    httpGet(
      url,
      { agent: new Agent(), headers: { authorization: `Bearer ${ADMIN_KEY}`, accept: 'text/event-stream', ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        const ended = new Promise<void>((done) => response.on('close', done));
        resolve({ response, text: () => text, ended });
      },
    ).on('error', reject);
  });
}
/** A line to PostgreSQL that can be cut: what comes over it is refused until it is mended. */
async function openLine(databaseUrl: string): Promise<{ url: string; cut(): Promise<void>; mend(): void }> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (sockets.delete(socket), other.destroy()));
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    async cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
      await until(() => sockets.size === 0);
    },
    mend: () => (isCut = false),
  };
}
const idsOf = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string);
const typesOf = (text: string): string[] => [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1] as string);

describe('watching a task', () => {
  let world: ApiWorld;
  let url: string;
  const submit = async (simulate: object): Promise<string> => {
    const answer = await world.call('POST', '/v1/tasks', {
      accountId: 'w',
      model: 'kling-ai-5s',
      prompt: 'a secret prompt',
      parameters: { simulate },
    });
    return answer.body.id as string;
  };
  beforeAll(async () => {
    // A task whose assets are not copied has no fact after its ending, so what was watched is what can be read.
    world = await createApiWorld({ ASSETS_KEEP: 'none' });
    ({ url } = await world.api.listen());
    await world.call('POST', '/v1/accounts', { id: 'w', name: 'W', plan: 'max' });
  });
  afterAll(() => world.close());

  it('ends with the key that watches', async () => {
    const task = await submit({ outcome: 'hang' });
    const made = await world.call('POST', '/v1/api-keys', { name: 'watcher', scopes: ['tasks:read'] });
    const watching = await watch(`${url}/v1/tasks/${task}/events`, { authorization: `Bearer ${made.body.key as string}` });
    await until(() => typesOf(watching.text()).includes('TaskSubmitted'));
    await world.call('DELETE', `/v1/api-keys/${made.body.id as string}`);
    await watching.ended;
    expect(typesOf(watching.text())).not.toContain('TaskCompleted');
    await world.call('POST', `/v1/tasks/${task}/cancel`, {});
  });

  it('ends with a key that is revoked while its request is being let in', async () => {
    const task = await submit({ outcome: 'hang' });
    // Nothing else reads the task's stream from then on.
    await until(async () => typeof (await world.call('GET', `/v1/tasks/${task}`)).body.attempts.at(-1)?.providerJobId === 'string');
    const made = await world.call('POST', '/v1/api-keys', { name: 'watcher', scopes: ['tasks:read'] });
    const store = world.api.app.get<EventStore>(EVENT_STORE, { strict: false });
    const readStream = store.readStream.bind(store);
    store.readStream = async (...asked) => {
      store.readStream = readStream;
      await world.call('DELETE', `/v1/api-keys/${made.body.id as string}`);
      return readStream(...asked);
    };
    const watching = await watch(`${url}/v1/tasks/${task}/events`, { authorization: `Bearer ${made.body.key as string}` });
    await watching.ended;
    expect([watching.response.statusCode, typesOf(watching.text())]).toEqual([200, []]);
    await world.call('POST', `/v1/tasks/${task}/cancel`, {});
  });

  it('shows each fact once and in order, and ends when the credits are settled and can be read', async () => {
    const task = await submit({ outcome: 'succeed', afterMs: 200 });
    const watchers = await Promise.all(Array.from({ length: 10 }, () => watch(`${url}/v1/tasks/${task}/events`)));
    await Promise.all(watchers.map((one) => one.ended));
    const read = await world.call('GET', `/v1/tasks/${task}`);
    expect(read.body).toMatchObject({ status: 'completed', settlement: 'consumed' });
    const [first] = watchers as [Watch];
    expect(first.response.headers).toMatchObject({
      'content-type': expect.stringContaining('text/event-stream'),
      'x-accel-buffering': 'no',
      'request-id': expect.stringMatching(/^req_/),
    });
    expect(typesOf(first.text())).toEqual(expect.arrayContaining(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted', 'TaskCompleted']));
    const ids = idsOf(first.text());
    expect([...new Set(ids)].sort()).toEqual(ids);
    for (const one of watchers) expect(idsOf(one.text())).toEqual(ids);
    const data = JSON.parse(/^data: (.*)$/m.exec(first.text())?.[1] ?? '') as object;
    expect(data).toEqual({
      type: 'TaskSubmitted',
      at: expect.any(String),
      position: ids[0],
      data: expect.objectContaining({ taskId: task }),
    });
    expect(first.text()).not.toContain('a secret prompt');

    const resumed = await watch(`${url}/v1/tasks/${task}/events`, { 'last-event-id': ids[1] as string });
    await resumed.ended;
    expect(idsOf(resumed.text())).toEqual(ids.slice(2));
    const page = await world.call('GET', `/v1/tasks/${task}/events?limit=2`);
    expect(page.body.data.map((event: { position: string }) => event.position)).toEqual(ids.slice(0, 2));
    const next = await world.call('GET', `/v1/tasks/${task}/events?limit=200&cursor=${page.body.nextCursor as string}`);
    expect(next.body).toMatchObject({ nextCursor: null });
    expect(next.body.data.map((event: { position: string }) => event.position)).toEqual(ids.slice(2));
  });

  it('ends at once for a refused submission, and is 400 or 404 before the first byte', async () => {
    await world.call('POST', '/v1/accounts', { id: 'poor', name: 'P', plan: 'free' });
    const refused = await world.call('POST', '/v1/tasks', { accountId: 'poor', model: 'kling-ai-60s', prompt: 'p' });
    const watched = await watch(`${url}/v1/tasks/${refused.body.taskId as string}/events`);
    await watched.ended;
    expect(typesOf(watched.text())).toEqual(['TaskRejected']);
    expect((await watch(`${url}/v1/tasks/task_nobody/events`)).response.statusCode).toBe(404);
    expect((await watch(`${url}/v1/tasks/${refused.body.taskId as string}/events`, { 'last-event-id': 'x' })).response.statusCode).toBe(
      400,
    );
  });
});

describe('the end of a process', () => {
  it('finishes what is under way, ends streams politely, and takes nothing new', async () => {
    const world = await createApiWorld();
    const { url } = await world.api.listen();
    await world.call('POST', '/v1/accounts', { id: 'd', name: 'D', plan: 'max' });
    const hanging = (
      await world.call('POST', '/v1/tasks', {
        accountId: 'd',
        model: 'kling-ai-5s',
        prompt: 'p',
        parameters: { simulate: { outcome: 'hang' } },
      })
    ).body.id as string;
    const stream = await watch(`${url}/v1/tasks/${hanging}/events`);
    const body = JSON.stringify({ accountId: 'd', model: 'kling-ai-5s', prompt: 'p' });
    const submits = Array.from({ length: 20 }, () =>
      fetch(`${url}/v1/tasks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body,
      }),
    );
    await Promise.race(submits);
    const closing = world.close();
    const answered = await Promise.all(submits.map((submit) => submit.then((response) => response.status).catch(() => 'refused')));
    await Promise.all([stream.ended, closing]);
    // A connection that had not been accepted yet may be refused; whoever was let in is answered.
    expect(new Set(answered.map((status) => (status === 'refused' ? 202 : status)))).toEqual(new Set([202]));
    expect(answered).toContain(202);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});

describe('several processes on one database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('learn of a key at once, and of its end by themselves', async () => {
    const [one, other] = [
      await createApiWorld({}, { database, orchestrated: false }),
      await createApiWorld({}, { database, orchestrated: false }),
    ];
    const made = await one.call('POST', '/v1/api-keys', { name: 'k', scopes: ['tasks:read'] });
    const { id, key } = made.body as { id: string; key: string };
    expect((await other.call('GET', '/v1/tasks', undefined, { key })).status).toBe(200);
    await one.call('DELETE', `/v1/api-keys/${id}`);
    await until(async () => (await other.call('GET', '/v1/tasks', undefined, { key })).status === 401);
    await Promise.all([one.close(), other.close()]);
  });

  it('replace the configured administrator when the variable changes, and make a first one only where there is none', async () => {
    const newAdmin = `rc_${'b'.repeat(40)}`;
    const changed = await createApiWorld({ ADMIN_API_KEY: newAdmin }, { database, orchestrated: false });
    expect(changed.api.firstAdminKey).toBeNull();
    expect((await changed.call('GET', '/v1/api-keys', undefined, { key: ADMIN_KEY })).status).toBe(401);
    expect((await changed.call('GET', '/v1/api-keys', undefined, { key: newAdmin })).status).toBe(200);
    await changed.close();
    const without = await createApiWorld({ ADMIN_API_KEY: '' }, { database, orchestrated: false });
    expect(without.api.firstAdminKey).toBeNull();
    expect((await without.call('GET', '/v1/api-keys', undefined, { key: newAdmin })).status).toBe(200);
    await without.close();
    const fresh = await createApiWorld({ ADMIN_API_KEY: '' }, { orchestrated: false });
    const first = fresh.api.firstAdminKey as string;
    expect(first).toMatch(/^rc_/);
    expect((await fresh.call('GET', '/v1/api-keys', undefined, { key: first })).status).toBe(200);
    expect(fresh.logged.join('')).not.toContain(first);
    await fresh.close();
  });
});

describe('limits', () => {
  it('of requests a second answer 429 rate_limited with Retry-After, for one key alone', async () => {
    const world = await createApiWorld({ REQUESTS_PER_SECOND_MAX: '3' }, { orchestrated: false });
    const key = await world.newKey(['tasks:read']);
    // More at once than a machine that stood still meanwhile would have been allowed.
    const answers = await Promise.all(Array.from({ length: 300 }, () => world.call('GET', '/v1/tasks', undefined, { key })));
    expect(answers.filter((answer) => answer.status === 200).length).toBeGreaterThanOrEqual(3);
    const refused = answers.find((answer) => answer.status === 429);
    expect(refused).toMatchObject({ body: { code: 'rate_limited', retryable: true }, headers: { 'retry-after': '1' } });
    expect((await world.call('GET', '/v1/plans')).status).toBe(200);
    await world.close();
  });
});

describe('a database that goes away', () => {
  it('is answered with 503 not_ready and Retry-After, and the process recovers by itself', async () => {
    const database = await createTestDatabase();
    const line = await openLine(database.url);
    const world = await createApiWorld({ DATABASE_URL: line.url }, { database, orchestrated: false });
    try {
      await world.call('POST', '/v1/accounts', { id: 'away', name: 'A', plan: 'max' });
      // A read that waits for its own write would wait in vain without the database.
      await world.call('GET', '/v1/accounts/away');
      await line.cut();
      const task = { accountId: 'away', model: 'kling-ai-5s', prompt: 'p' };
      const headers = { 'idempotency-key': 'while-away' };
      const answers = [
        await world.call('POST', '/v1/tasks', task, { headers }),
        await world.call('POST', '/v1/tasks', task),
        await world.call('POST', '/v1/accounts', { name: 'B', plan: 'free' }),
        await world.call('POST', '/v1/quotes', { accountId: 'away', model: 'kling-ai-5s' }),
        await world.call('POST', '/v1/api-keys', { name: 'k', scopes: ['admin'] }),
        await world.call('PUT', '/v1/plans/x', { name: 'x', rank: 1, monthlyAllowance: 1 }),
        await world.call('GET', '/v1/tasks'),
        await world.call('GET', '/v1/accounts'),
        await world.call('GET', '/v1/accounts/away/movements'),
        await world.call('GET', '/v1/tasks/task_nobody/events'),
        await world.call('GET', '/v1/api-keys'),
        await world.call('GET', '/v1/tasks', undefined, { key: 'rc_not_known_here' }),
      ];
      expect(world.logged.filter((line) => line.includes('a request failed'))).toEqual([]);
      expect(answers.map((answer) => `${answer.status} ${answer.body.code as string} ${answer.headers['retry-after'] as string}`)).toEqual(
        answers.map(() => '503 not_ready 1'),
      );
      expect((await world.call('GET', '/healthz')).status).toBe(200);
      const ready = await world.call('GET', '/readyz', undefined, { unchecked: true });
      expect(ready).toMatchObject({ status: 503, body: { status: 'down', parts: { postgres: { status: 'down' } } } });
      line.mend();
      await until(async () => (await world.call('POST', '/v1/tasks', task, { headers })).status === 202);
      expect((await world.call('GET', '/v1/accounts/away/balance')).body.held).toBeGreaterThanOrEqual(70);
    } finally {
      line.mend();
      await world.close();
      await line.cut();
      await database.drop();
    }
  });
});
