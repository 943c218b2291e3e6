// Legs b, c and d: durable submissions over 1,000 accounts and on one, and a balance, each beside what users would write instead.
import { ADMIN_KEY, getRequests, keyedTaskRequest, openAccounts, taskBody, taskRequests } from '../client.js';
import { load, median, type LoadResult } from '../load.js';
import type { Figure, LegResult } from '../report.js';
import { startServer, type Running } from '../servers.js';

const ACCOUNTS = 1000;
const CONNECTIONS = 64;

interface Contestant {
  name: string;
  port: number;
  request: (n: number) => Buffer;
  expect: string;
}

export interface SubmitOptions {
  databaseUrl: string;
  rounds: number;
  legMs: number;
}

/** The API role alone: what reacts to a submission runs elsewhere, and would be measured here as noise. Lives are leg e. */
export async function submitLegs({ databaseUrl, rounds, legMs }: SubmitOptions): Promise<LegResult[]> {
  const api = await startServer(
    'apps/api/src/main.js',
    { DATABASE_URL: databaseUrl, ADMIN_API_KEY: ADMIN_KEY, OPEN_TASKS_PER_ACCOUNT_MAX: '1000000' },
    '/healthz',
  );
  const projector = await startServer('apps/projector/src/main.js', { DATABASE_URL: databaseUrl }, '/healthz', 'PROJECTOR_PORT');
  const baselines = await startServer('bench/baselines.main.js', { DATABASE_URL: databaseUrl }, '/select/bench-0');
  try {
    await openAccounts(api.port, ACCOUNTS);
    const balance = await balanceLeg(api, baselines, rounds, legMs);
    await projector.stop();
    const [spread, hot] = await taskLegs(api, baselines, rounds, legMs);
    return [spread, hot, balance];
  } finally {
    await Promise.all([api.stop(), projector.stop(), baselines.stop()]);
  }
}

async function taskLegs(api: Running, baselines: Running, rounds: number, legMs: number): Promise<[LegResult, LegResult]> {
  const spread = (n: number): object => taskBody({ accountId: `bench-${n}`, simulate: { outcome: 'hang' } });
  const hot = (): object => taskBody({ accountId: 'bench-7', simulate: { outcome: 'hang' } });
  const run = Date.now().toString(36);
  const contestants: Contestant[] = [
    { name: 'bare', port: baselines.port, request: taskRequests('/bare', ACCOUNTS, spread), expect: '202' },
    { name: 'keyless', port: api.port, request: taskRequests('/v1/tasks', ACCOUNTS, spread), expect: '202' },
    {
      name: 'keyed',
      port: api.port,
      request: (n) => keyedTaskRequest('/v1/tasks', `${run}-${Math.random()}`, n, spread(n % ACCOUNTS)),
      expect: '202',
    },
    { name: 'hand', port: baselines.port, request: taskRequests('/hand', ACCOUNTS, spread), expect: '202' },
    { name: 'cte', port: baselines.port, request: taskRequests('/cte', ACCOUNTS, spread), expect: '202' },
    { name: 'hot', port: api.port, request: taskRequests('/v1/tasks', 1, hot), expect: '202' },
    { name: 'hand hot', port: baselines.port, request: taskRequests('/hand', 1, hot), expect: '202' },
    { name: 'cte hot', port: baselines.port, request: taskRequests('/cte', 1, hot), expect: '202' },
  ];
  const measured = await alternate(contestants, rounds, legMs);
  const ratio = ratios(measured);
  const rate = (name: string): number => median(measured.get(name)!.map((round) => round.rate));
  const p99 = (name: string): number => median(measured.get(name)!.map((round) => round.p99Ms));
  const aim = (value: number, least: number): Pick<Figure, 'aim' | 'reached'> => ({ aim: `≥ ${least}`, reached: value >= least });
  const spreadFigures: Figure[] = [
    { leg: 'b', what: 'POST /v1/tasks, keyless', value: rate('keyless'), unit: '/s' },
    { leg: 'b', what: '  p99', value: p99('keyless'), unit: 'ms' },
    { leg: 'b', what: 'POST /v1/tasks, keyed', value: rate('keyed'), unit: '/s' },
    { leg: 'b', what: 'bare Nest POST, same DTO, stock pipe', value: rate('bare'), unit: '/s' },
    { leg: 'b', what: 'hand-written transaction', value: rate('hand'), unit: '/s' },
    { leg: 'b', what: 'one prepared statement', value: rate('cte'), unit: '/s' },
    { leg: 'b', what: 'keyless ÷ bare', value: ratio('keyless', 'bare'), unit: '×', ...aim(ratio('keyless', 'bare'), 0.55) },
    { leg: 'b', what: 'keyless ÷ one statement', value: ratio('keyless', 'cte'), unit: '×', ...aim(ratio('keyless', 'cte'), 1.8) },
    { leg: 'b', what: 'keyless ÷ hand-written', value: ratio('keyless', 'hand'), unit: '×' },
    { leg: 'b', what: 'keyed ÷ bare', value: ratio('keyed', 'bare'), unit: '×' },
  ];
  const hotFigures: Figure[] = [
    { leg: 'c', what: 'POST /v1/tasks on one account', value: rate('hot'), unit: '/s' },
    { leg: 'c', what: 'one account ÷ 1,000 accounts', value: ratio('hot', 'keyless'), unit: '×', ...aim(ratio('hot', 'keyless'), 0.85) },
    {
      leg: 'c',
      what: 'one account ÷ one statement on one account',
      value: ratio('hot', 'cte hot'),
      unit: '×',
      ...aim(ratio('hot', 'cte hot'), 4),
    },
    { leg: 'c', what: 'one account ÷ hand-written on one account', value: ratio('hot', 'hand hot'), unit: '×' },
  ];
  const raw = Object.fromEntries(measured);
  return [
    { leg: 'b', title: 'durable POST /v1/tasks, 64 connections, 1,000 accounts', figures: spreadFigures, raw },
    { leg: 'c', title: 'the same on one hot account', figures: hotFigures, raw: 'see b' },
  ];
}

async function balanceLeg(api: Running, baselines: Running, rounds: number, legMs: number): Promise<LegResult> {
  const measured = await alternate(
    [
      { name: 'balance', port: api.port, request: getRequests(ACCOUNTS, (n) => `/v1/accounts/bench-${n}/balance`), expect: '200' },
      { name: 'select', port: baselines.port, request: getRequests(ACCOUNTS, (n) => `/select/bench-${n}`), expect: '200' },
    ],
    rounds,
    legMs,
  );
  const ratio = ratios(measured)('balance', 'select');
  const rate = (name: string): number => median(measured.get(name)!.map((round) => round.rate));
  return {
    leg: 'd',
    title: 'GET balance against a bare Nest GET with one indexed select',
    figures: [
      { leg: 'd', what: 'GET /v1/accounts/{id}/balance', value: rate('balance'), unit: '/s' },
      { leg: 'd', what: 'bare GET with one indexed select', value: rate('select'), unit: '/s' },
      { leg: 'd', what: 'balance ÷ select', value: ratio, unit: '×', aim: '≥ 1.8', reached: ratio >= 1.8 },
    ],
    raw: Object.fromEntries(measured),
  };
}

/** Every contestant once a round, the order reversed every other round; one unmeasured round first. */
async function alternate(contestants: Contestant[], rounds: number, legMs: number): Promise<Map<string, LoadResult[]>> {
  const measured = new Map<string, LoadResult[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? contestants : [...contestants].reverse();
    for (const { name, port, request, expect } of order) {
      const result = await load({ port, connections: CONNECTIONS, durationMs: round === 0 ? legMs / 2 : legMs, request });
      const wrong = Object.entries(result.statuses).filter(([status]) => status !== expect);
      if (wrong.length > 0) throw new Error(`${name} answered ${JSON.stringify(result.statuses)} where ${expect} was expected`);
      if (round > 0) measured.get(name)!.push(result);
    }
  }
  return measured;
}

/** The median over rounds of a ÷ b within the same round. */
function ratios(measured: Map<string, LoadResult[]>): (a: string, b: string) => number {
  return (a, b) => median(measured.get(a)!.map((result, round) => result.rate / measured.get(b)![round]!.rate));
}
