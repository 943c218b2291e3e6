// Legs j and l: a backlog of task lives drained by one, two and three orchestrator processes, and how long a killed one's tasks wait for another.
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { DueRows, partitionOf } from '#libs/reactions';
import { ADMIN_KEY, call, openAccounts, taskBody, taskRequests } from '../client.js';
import { load } from '../load.js';
import type { LegResult } from '../report.js';
import { startServer, type Running } from '../servers.js';

const ACCOUNTS = 200;
const TENANT = 'default';
const PREFIX = 'orc-';

const startApi = (databaseUrl: string): Promise<Running> =>
  startServer('apps/api/src/main.js', { ...environment(databaseUrl), OPEN_TASKS_PER_ACCOUNT_MAX: '1000000' }, '/readyz');
const startOrchestrator = (databaseUrl: string): Promise<Running> =>
  startServer('apps/orchestrator/src/main.js', environment(databaseUrl), '/healthz', 'ORCHESTRATOR_PORT');

function environment(databaseUrl: string): Record<string, string> {
  return { DATABASE_URL: databaseUrl, ADMIN_API_KEY: ADMIN_KEY };
}

/** A fresh database for each number of processes. */
export async function orchestratorsLeg(options: { databaseUrls: readonly string[]; legMs: number }): Promise<LegResult> {
  const rounds: Array<{ processes: number; tasks: number; rate: number }> = [];
  for (const [index, databaseUrl] of options.databaseUrls.entries()) rounds.push(await drain(databaseUrl, index + 1, options.legMs));
  const one = rounds[0]!.rate;
  return {
    leg: 'j',
    title: 'a backlog of task lives drained by orchestrators alone, first dispatch → last settlement',
    figures: rounds.flatMap(({ processes, rate }) => [
      { leg: 'j', what: `lives with ${processes} orchestrator${processes === 1 ? '' : 's'}`, value: rate, unit: '/s' },
      ...(processes === 1 ? [] : [{ leg: 'j', what: '  of one process', value: rate / one, unit: '×' }]),
    ]),
    raw: rounds,
  };
}

async function drain(databaseUrl: string, processes: number, legMs: number): Promise<{ processes: number; tasks: number; rate: number }> {
  const api = await startApi(databaseUrl);
  await openAccounts(api.port, ACCOUNTS, PREFIX);
  const body = (n: number): object => taskBody({ accountId: `${PREFIX}${n}`, simulate: { outcome: 'succeed', afterMs: 0 } });
  const result = await load({ port: api.port, connections: 64, durationMs: legMs, request: taskRequests('/v1/tasks', ACCOUNTS, body) });
  const tasks = result.statuses['202'] ?? 0;
  await api.stop();
  const orchestrators = await Promise.all(Array.from({ length: processes }, () => startOrchestrator(databaseUrl)));
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const until = Date.now() + 20 * legMs + 60_000;
  for (let settled = 0; settled < tasks; settled = await count(pool, 'CreditsConsumed')) {
    if (Date.now() > until) throw new Error('the backlog of leg j was not drained');
    await wait(200);
  }
  const { rows } = await pool.query<{ ms: string }>(
    `SELECT max(recorded_at_ms) FILTER (WHERE type = 'CreditsConsumed') - min(recorded_at_ms) FILTER (WHERE type = 'TaskDispatched') AS ms FROM events`,
  );
  await pool.end();
  await Promise.all(orchestrators.map((orchestrator) => orchestrator.stop()));
  return { processes, tasks, rate: tasks / (Number(rows[0]!.ms) / 1000) };
}

async function count(pool: pg.Pool, type: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>('SELECT count(*) AS n FROM events WHERE type = $1', [type]);
  return Number(rows[0]!.n);
}

/** A task of a partition whose owner was killed in that very moment: until another process has dispatched it. */
export async function failoverLeg({ databaseUrl, rounds }: { databaseUrl: string; rounds: number }): Promise<LegResult> {
  const api = await startApi(databaseUrl);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const rows = new DueRows(pool);
  await openAccounts(api.port, ACCOUNTS, PREFIX);
  const running = [await startOrchestrator(databaseUrl), await startOrchestrator(databaseUrl)];
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await shared(rows, running);
    const victim = running.shift()!;
    const owners = await rows.owners();
    const accountId = Array.from({ length: ACCOUNTS }, (_, n) => `${PREFIX}${n}`).find((id) =>
      owners.get(partitionOf(TENANT, id))?.includes(`-${victim.pid}-`),
    );
    if (accountId === undefined) throw new Error('the orchestrator that is to be killed owns no account of leg l');
    process.kill(victim.pid, 'SIGKILL');
    const killedAt = Date.now();
    const { body } = await call(api.port, 'POST', '/v1/tasks', taskBody({ accountId, simulate: { outcome: 'succeed', afterMs: 0 } }));
    took.push((await dispatchedAt(pool, body['id'] as string)) - killedAt);
    await victim.stop();
    running.push(await startOrchestrator(databaseUrl));
  }
  await Promise.all(running.map((orchestrator) => orchestrator.stop()));
  await api.stop();
  await pool.end();
  const sorted = [...took].sort((a, b) => a - b);
  const longest = sorted.at(-1)!;
  return {
    leg: 'l',
    title: 'fail-over: an orchestrator is killed (SIGKILL) → another one dispatches a task of its partitions',
    figures: [
      { leg: 'l', what: 'median', value: sorted[Math.floor(sorted.length / 2)]!, unit: 'ms' },
      { leg: 'l', what: 'longest', value: longest, unit: 'ms', aim: '< 5,000', reached: longest < 5_000 },
    ],
    raw: { took },
  };
}

/** Until the two share the partitions. */
async function shared(rows: DueRows, running: readonly Running[]): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const owners = [...(await rows.owners()).values()];
    if (owners.length === 16 && running.every(({ pid }) => owners.filter((owner) => owner.includes(`-${pid}-`)).length === 8)) return;
    if (Date.now() > until) throw new Error('the orchestrators of leg l do not share the partitions');
    await wait(50);
  }
}

async function dispatchedAt(pool: pg.Pool, taskId: string): Promise<number> {
  const until = Date.now() + 60_000;
  for (;;) {
    const { rows } = await pool.query<{ ms: string }>(
      `SELECT recorded_at_ms AS ms FROM events WHERE stream = $1 AND type = 'TaskDispatched'`,
      [`task-${TENANT}.${taskId}`],
    );
    if (rows[0] !== undefined) return Number(rows[0].ms);
    if (Date.now() > until) throw new Error('the task of leg l was not dispatched');
    await wait(10);
  }
}
