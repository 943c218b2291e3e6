// Legs e, f and h: whole task lives through every role in one process, the lag of the read models, and memory with many accounts.
import { setTimeout as wait } from 'node:timers/promises';
import { ADMIN_KEY, call, inParallel, openAccounts, taskBody, taskRequests } from '../client.js';
import { load, OpenLoop, percentile, requestBytes } from '../load.js';
import type { LegResult } from '../report.js';
import { startServer, type Running } from '../servers.js';

const ACCOUNTS = 1000;

export interface LivesOptions {
  databaseUrl: string;
  legMs: number;
  accountsInMemory: number;
}

export async function livesLegs({ databaseUrl, legMs, accountsInMemory }: LivesOptions): Promise<LegResult[]> {
  const [lives, lag] = await withServer(databaseUrl, async (server) => {
    await openAccounts(server.port, ACCOUNTS, 'life-');
    // A server that has just begun is several times slower: nobody's steady state.
    await livesLeg(server, legMs);
    const lag = await lagLeg(server, legMs);
    return [await livesLeg(server, legMs), lag];
  });
  // The figure is that of accounts, so no task has been there.
  const memory = await withServer(databaseUrl, (server) => memoryLeg(server, accountsInMemory));
  return [lives, lag, memory];
}

async function withServer<Result>(databaseUrl: string, work: (server: Running) => Promise<Result>): Promise<Result> {
  const env = { DATABASE_URL: databaseUrl, ADMIN_API_KEY: ADMIN_KEY, OPEN_TASKS_PER_ACCOUNT_MAX: '1000000' };
  const server = await startServer('apps/standalone/src/main.js', env, '/readyz');
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

async function livesLeg(server: Running, legMs: number): Promise<LegResult> {
  const before = await ended(server);
  const startedAt = performance.now();
  const result = await load({
    port: server.port,
    connections: 64,
    durationMs: legMs,
    request: taskRequests('/v1/tasks', ACCOUNTS, lifeBody),
  });
  const accepted = result.statuses['202'] ?? 0;
  while ((await ended(server)) - before < accepted) {
    if (performance.now() - startedAt > 10 * legMs + 60_000) throw new Error('the tasks of leg e did not all end');
    // Counting costs the server as well.
    await wait(20);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const rate = accepted / seconds;
  return {
    leg: 'e',
    title: 'full task lives through the simulator, all roles in one process',
    figures: [
      {
        leg: 'e',
        what: 'lives (submit → dispatch → accept → complete → consume)',
        value: rate,
        unit: '/s',
        aim: '≥ 2,500',
        reached: rate >= 2500,
      },
      { leg: 'e', what: 'submissions while they ran', value: result.rate, unit: '/s' },
      { leg: 'e', what: '  p99 of a submission', value: result.p99Ms, unit: 'ms' },
    ],
    raw: { accepted, seconds, submissions: result },
  };
}

function lifeBody(n: number): object {
  return taskBody({ accountId: `life-${n}`, simulate: { outcome: 'succeed', afterMs: 0 } });
}

/** Tasks that are over, as the read model counts them. */
async function ended(server: Running): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  return Number(/^rollcredits_tasks\{[^}]*status="completed"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

/** One task a millisecond on average; every tenth is read back at its position: the time from its answer to the row. */
async function lagLeg(server: Running, legMs: number): Promise<LegResult> {
  const lags: number[] = [];
  const count = Math.max(1000, legMs);
  const client = new OpenLoop(server.port);
  const submission = taskRequests('/v1/tasks', ACCOUNTS, lifeBody);
  const pending: Promise<void>[] = [];
  const startedAt = performance.now();
  while (pending.length < count) {
    // A timer is no exacter than this; whatever is due by now goes out together.
    await wait(1);
    const due = Math.min(count, performance.now() - startedAt);
    while (pending.length < due) pending.push(submitAndSee(client, submission(pending.length), pending.length % 10 === 0 ? lags : null));
  }
  await Promise.all(pending);
  const rate = count / ((performance.now() - startedAt) / 1000);
  client.close();
  lags.sort((a, b) => a - b);
  const p99 = percentile(lags, 99);
  return {
    leg: 'f',
    title: 'projection lag at a steady 1,000 tasks/s (answer → readable at its position, HTTP included)',
    figures: [
      { leg: 'f', what: 'rate held', value: rate, unit: '/s' },
      { leg: 'f', what: 'p50', value: percentile(lags, 50), unit: 'ms' },
      { leg: 'f', what: 'p99', value: p99, unit: 'ms', aim: '< 50', reached: p99 < 50 },
    ],
    raw: { count, lags: lags.length, maxMs: lags.at(-1) ?? 0 },
  };
}

async function submitAndSee(client: OpenLoop, submission: Buffer, lags: number[] | null): Promise<void> {
  const { status, body } = await client.ask(submission);
  if (status !== '202') throw new Error(`a submission of leg f answered ${status}`);
  if (lags === null) return;
  const answeredAt = performance.now();
  const { id, position } = JSON.parse(body) as { id: string; position: string };
  const seen = await client.ask(
    requestBytes({ method: 'GET', path: `/v1/tasks/${id}?atLeast=${position}`, headers: { Authorization: `Bearer ${ADMIN_KEY}` } }),
  );
  if (seen.status !== '200') throw new Error(`a read of leg f answered ${seen.status}`);
  lags.push(performance.now() - answeredAt);
}

async function memoryLeg(server: Running, accounts: number): Promise<LegResult> {
  await inParallel(accounts, 64, async (n) => {
    const { status } = await call(server.port, 'POST', '/v1/accounts', { id: `many-${n}`, name: `Many ${n}`, plan: 'free' });
    if (status !== 201 && status !== 409) throw new Error(`opening an account answered ${status}`);
  });
  const rss = server.rssMb();
  return {
    leg: 'h',
    title: 'memory of the server process',
    figures: [
      { leg: 'h', what: `with ${accounts.toLocaleString('en')} open accounts`, value: rss, unit: 'MB', aim: '< 300', reached: rss < 300 },
    ],
    raw: { rssMb: rss },
  };
}
