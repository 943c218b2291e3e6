// Leg m: two API processes on one hot account and on many, each asking the owner of an account, against both deciding by themselves and against one process.
import pg from 'pg';
import { ADMIN_KEY, openAccounts, taskBody, taskRequests } from '../client.js';
import { load, median, type LoadResult } from '../load.js';
import type { Figure, LegResult } from '../report.js';
import { startServer, type Running } from '../servers.js';

const ACCOUNTS = 1000;
const CONNECTIONS = 64;
const WAIT_MS = 30_000;

export interface RoutingOptions {
  databaseUrl: string;
  /** Of the process that is alone. */
  otherDatabaseUrl: string;
  rounds: number;
  legMs: number;
}

type Contest = 'one' | 'routed' | 'unrouted';
type Load = 'hot' | 'spread';

const REQUESTS: Record<Load, (n: number) => Buffer> = {
  hot: taskRequests('/v1/tasks', 1, () => taskBody({ accountId: 'bench-7', simulate: { outcome: 'hang' } })),
  spread: taskRequests('/v1/tasks', ACCOUNTS, (n) => taskBody({ accountId: `bench-${n}`, simulate: { outcome: 'hang' } })),
};

export async function routingLeg({ databaseUrl, otherDatabaseUrl, rounds, legMs }: RoutingOptions): Promise<LegResult> {
  const env = { ADMIN_API_KEY: ADMIN_KEY, OPEN_TASKS_PER_ACCOUNT_MAX: '1000000' };
  const start = (url: string): Promise<Running> => startServer('apps/api/src/main.js', { ...env, DATABASE_URL: url }, '/healthz');
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const one = await start(otherDatabaseUrl);
  const two = [await start(databaseUrl), await start(databaseUrl)];
  try {
    await openAccounts(one.port, ACCOUNTS);
    await owned(two, 32);
    await openAccounts((two[0] as Running).port, ACCOUNTS);
    const measured = new Map<string, LoadResult[]>();
    for (let round = 0; round <= rounds; round++) {
      const order: Contest[] = round % 2 === 0 ? ['one', 'routed', 'unrouted'] : ['unrouted', 'routed', 'one'];
      for (const contest of order) {
        await ownership(pool, two, contest === 'unrouted');
        for (const kind of ['hot', 'spread'] as const) {
          const result = await loadAll(contest === 'one' ? [one] : two, REQUESTS[kind], round === 0 ? legMs / 2 : legMs);
          const name = `${kind} ${contest}`;
          if (round > 0) measured.set(name, [...(measured.get(name) ?? []), result]);
        }
      }
    }
    return {
      leg: 'm',
      title: 'two API processes on the same accounts, 64 connections',
      figures: figuresOf(measured),
      raw: Object.fromEntries(measured),
    };
  } finally {
    await pool.end();
    await Promise.all([one, ...two].map((server) => server.stop()));
  }
}

function figuresOf(measured: Map<string, LoadResult[]>): Figure[] {
  const rounds = (name: string): LoadResult[] => measured.get(name) ?? [];
  const rate = (name: string): number => median(rounds(name).map((round) => round.rate));
  const ratio = (a: string, b: string): number => median(rounds(a).map((round, n) => round.rate / (rounds(b)[n] as LoadResult).rate));
  const refused = (name: string): number =>
    rounds(name).reduce((sum, { requests, statuses }) => sum + requests - (statuses['202'] ?? 0), 0) /
    Math.max(
      1,
      rounds(name).reduce((sum, { requests }) => sum + requests, 0),
    );
  const figure = (what: string, value: number, unit: string): Figure => ({ leg: 'm', what, value, unit });
  return (['hot', 'spread'] as const).flatMap((kind) => {
    const where = kind === 'hot' ? 'one account' : '1,000 accounts';
    return [
      figure(`${where}: two processes, routed`, rate(`${kind} routed`), '/s'),
      figure(`${where}: two processes, each by itself`, rate(`${kind} unrouted`), '/s'),
      figure(`${where}: one process`, rate(`${kind} one`), '/s'),
      figure(`${where}: routed ÷ each by itself`, ratio(`${kind} routed`, `${kind} unrouted`), '×'),
      figure(`${where}: routed ÷ one process`, ratio(`${kind} routed`, `${kind} one`), '×'),
      figure(`${where}: p99, routed`, median(rounds(`${kind} routed`).map(({ p99Ms }) => p99Ms)), 'ms'),
      figure(`${where}: p99, each by itself`, median(rounds(`${kind} unrouted`).map(({ p99Ms }) => p99Ms)), 'ms'),
      figure(`${where}: not accepted where each decides by itself`, 100 * refused(`${kind} unrouted`), '%'),
    ];
  });
}

/** The same connections, shared by the servers; only what was accepted counts. */
async function loadAll(servers: readonly Running[], request: (n: number) => Buffer, durationMs: number): Promise<LoadResult> {
  const connections = CONNECTIONS / servers.length;
  const results = await Promise.all(servers.map(({ port }) => load({ port, connections, durationMs, request })));
  const statuses: Record<string, number> = {};
  for (const result of results) {
    for (const [status, count] of Object.entries(result.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  }
  const requests = results.reduce((sum, each) => sum + each.requests, 0);
  return {
    requests,
    rate: (results.reduce((sum, { rate }) => sum + rate, 0) * (statuses['202'] ?? 0)) / Math.max(1, requests),
    p50Ms: median(results.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
    statuses,
  };
}

/** Without owners every process decides by itself: the leases are given to somebody of a release that nobody here sends to. */
async function ownership(pool: pg.Pool, servers: readonly Running[], isTakenAway: boolean): Promise<void> {
  if (isTakenAway) {
    await pool.query(
      `UPDATE leases SET owner = 'nobody', token = token + 1, expires_at = clock_timestamp() + interval '1 hour', detail = '{"version": "none"}'
        WHERE name LIKE 'accounts/%'`,
    );
  } else {
    await pool.query(`UPDATE leases SET expires_at = clock_timestamp() WHERE name LIKE 'accounts/%' AND owner = 'nobody'`);
  }
  await owned(servers, isTakenAway ? 0 : 32);
}

async function owned(servers: readonly Running[], buckets: number): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (const { port } of servers) {
    for (;;) {
      const report = (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { parts: { accounts: { owned: number } } };
      if (report.parts.accounts.owned === buckets) break;
      if (Date.now() > deadline) throw new Error(`a process owns ${report.parts.accounts.owned} buckets, not ${buckets}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
