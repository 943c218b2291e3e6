import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { describeKafka } from './kafka/describe-kafka.js';
import { factsOnKafka, type FactsOnKafka } from './kafka/facts-on-kafka.js';
import { booksOf } from './support/books.js';
import { Deployment } from './support/deployment.js';
import { ADMIN_KEY, call, type Reply } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { until } from './support/until.js';

const TASKS = 2_000;
const ACCOUNTS = 8;
const SUBMITTING_AT_ONCE = 24;
const CREDITS = 70;
const HEARTBEAT_MS = 1_000;
const WORKER = join(import.meta.dirname, '..', 'dist', 'apps', 'example-worker', 'src', 'main.js');
const FLEET_MODEL = 'roles-fleet';
const SIMULATED = [
  { outcome: 'succeed', afterMs: 50 },
  { outcome: 'succeed', afterMs: 300 },
  { outcome: 'succeed', afterMs: 100, deliveredFraction: 0.5 },
  { outcome: 'fail', afterMs: 100 },
  { outcome: 'reject' },
  { outcome: 'lost_submit', afterMs: 50 },
  { outcome: 'late', afterMs: 50 },
  { outcome: 'hang' },
];
/** Each tenth task is a fleet's. */
const FLEET = [{ do: 'succeed' }, { do: 'fail' }, { do: 'release_once' }, { do: 'fail_once' }];

describeKafka('every role as processes of their own, a fleet behind them, one of each killed under load', (kafka) => {
  const accounts = Array.from({ length: ACCOUNTS }, (_, n) => `roles-${n}`);
  const workers = new Map<string, ChildProcess>();
  let database: TestDatabase;
  let deployment: Deployment;
  let published: FactsOnKafka;

  beforeAll(async () => {
    database = await createTestDatabase();
    deployment = new Deployment({
      ...kafka.env(),
      DATABASE_URL: database.url,
      POOL_SIZE: '4',
      FLEET_HEARTBEAT_MS: String(HEARTBEAT_MS),
    });
    await deployment.startAll(['api-1', 'api-2', 'projector-1', 'projector-2', 'orchestrator-1', 'orchestrator-2', 'orchestrator-3']);
    await deployment.start('relay-1');
    published = factsOnKafka(kafka.brokers(), kafka.prefix);
    const model = { name: 'Fleet', family: 'roles', outputType: 'video', credits: CREDITS, minimumPlan: 'free', provider: 'fleet' };
    expect((await anyApi('PUT', `/v1/models/${FLEET_MODEL}`, model)).status).toBe(200);
    for (const name of ['worker-1', 'worker-2']) startWorker(name);
    for (const id of accounts) {
      expect((await anyApi('POST', '/v1/accounts', { id, name: id, plan: 'max' })).status).toBe(201);
      const grant = { bucket: 'purchased', credits: (TASKS / ACCOUNTS) * CREDITS, reference: 'roles' };
      expect((await anyApi('POST', `/v1/accounts/${id}/grants`, grant)).status).toBe(201);
    }
  });

  afterAll(async () => {
    for (const name of [...workers.keys()]) await killWorker(name);
    await published.stop();
    await deployment.stop();
    await database.drop();
  });

  function startWorker(name: string): void {
    const env = {
      ...process.env,
      ...kafka.env(),
      WORKER_FAMILIES: 'roles',
      WORKER_NAME: name,
      WORKER_WORK_MS: '20',
      WORKER_SESSION_MS: '6000',
    };
    workers.set(name, spawn(process.execPath, [WORKER], { env: { ...env, WORKER_JOBS_AT_ONCE: '4' }, stdio: 'ignore' }));
  }

  async function killWorker(name: string): Promise<void> {
    const worker = workers.get(name)!;
    workers.delete(name);
    if (worker.exitCode !== null || worker.signalCode !== null) throw new Error(`${name} ended by itself`);
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGKILL');
    await ended;
  }

  let calls = 0;
  /** Any API will do, as behind a load balancer. */
  const anyApi = (method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Reply> => {
    const urls = deployment.urls('api');
    return call(urls[calls++ % urls.length]!, method, path, body, headers);
  };

  /** As clients do: the same key until there is an answer. */
  async function submit(n: number): Promise<string> {
    const isFleet = n % 10 === 9;
    const work = isFleet ? { fleet: FLEET[Math.floor(n / 10) % FLEET.length] } : { simulate: SIMULATED[n % SIMULATED.length] };
    const body = {
      accountId: accounts[n % ACCOUNTS],
      model: isFleet ? FLEET_MODEL : 'kling-ai-5s',
      prompt: `clip ${n}`,
      parameters: { deadlineMs: isFleet ? 60_000 : 6_000, ...work },
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

  it('ends with every task settled once, nothing held, balanced books, and every fact on Kafka in the order of its stream', async () => {
    const at = new Map<number, () => Promise<unknown>>([
      [300, () => deployment.kill('orchestrator-1')],
      [500, () => killWorker('worker-1')],
      [700, () => deployment.kill('projector-1')],
      [900, () => deployment.kill('relay-1').then(() => deployment.start('relay-2'))],
      [1_200, () => deployment.kill('api-1')],
    ]);
    const ids: string[] = [];
    const incidents: Array<Promise<unknown>> = [];
    const numbers = Array.from({ length: TASKS }, (_, n) => n).values();
    const client = async (): Promise<void> => {
      for (const n of numbers) {
        const incident = at.get(n);
        if (incident !== undefined) incidents.push(incident());
        ids[n] = await submit(n);
      }
    };
    await Promise.all(Array.from({ length: SUBMITTING_AT_ONCE }, client));
    expect(incidents).toHaveLength(at.size);
    await Promise.all(incidents);
    expect(new Set(ids).size).toBe(TASKS);

    await until(async () => (await held()) === 0, { withinMs: 180_000, what: () => `nothing to be held\n${deployment.outputs()}` });
    const { rows } = await database.pool.query<Record<string, string>>(
      `SELECT count(*) FILTER (WHERE type = 'TaskSubmitted') AS submitted,
              count(*) FILTER (WHERE type IN ('CreditsConsumed', 'CreditsRefunded')) AS ended,
              count(DISTINCT data::jsonb ->> 'taskId') FILTER (WHERE type IN ('CreditsConsumed', 'CreditsRefunded')) AS tasks_ended
       FROM events`,
    );
    expect(rows).toEqual([{ submitted: String(TASKS), ended: String(TASKS), tasks_ended: String(TASKS) }]);
    for (const id of accounts) {
      const books = await booksOf({ url: deployment.urls('api')[0]!, key: ADMIN_KEY }, id);
      expect(books).toMatchObject({ balanced: true, held: 0 });
    }
    await everyFactOnKafka();
  }, 600_000);

  async function held(): Promise<number> {
    const balances = await Promise.all(accounts.map((id) => anyApi('GET', `/v1/accounts/${id}/balance`)));
    return balances.reduce((sum, { body }) => sum + (body.held as number), 0);
  }

  /** Facts still come in (late results), so what must be there is what was in the log when everything had been settled. */
  async function everyFactOnKafka(): Promise<void> {
    const { rows } = await database.pool.query<{ fact: string }>(
      `SELECT stream || '@' || rev AS fact FROM events WHERE stream !~ '^request-'`,
    );
    let missing = rows;
    await until(
      () => {
        // As many may have come without being the same, for later facts on another partition come sooner.
        if (published.distinct().size < rows.length) return false;
        const seen = published.facts();
        missing = rows.filter(({ fact }) => !seen.has(fact));
        return missing.length === 0;
      },
      {
        withinMs: 180_000,
        everyMs: 200,
        what: () => `${missing.length} of ${rows.length} facts on Kafka: ${missing[0]?.fact ?? ''} …\n${deployment.outputs()}`,
      },
    );
  }
});
