// Legs a and g: holds in process beside raw group-committed inserts of equal size, and what it costs to open an account with a long history.
import pg from 'pg';
import { newCommandId, toIso } from '#libs/kernel';
import {
  NO_STREAM,
  PostgresEventStore,
  PostgresSnapshots,
  processMeta,
  StreamSessions,
  tenantStream,
  type NewFact,
  type SessionDecision,
} from '#libs/event-store';
import {
  ACCOUNT_FACT_VERSIONS,
  accountDecider,
  accountSnapshot,
  decideAccount,
  ledgerContexts,
  type AccountCommand,
  type AccountFact,
  type AccountState,
} from '#libs/ledger';
import { median, percentile } from '../load.js';
import type { LegResult } from '../report.js';

const TENANT = 'bench';
const IN_FLIGHT = 64;
const ACCOUNTS = 1_000;
const RAW_ROWS = 256;
const CREDITS = 70;
const SNAPSHOT_EVERY_FACTS = 1_000;
/** As long as a real one. */
const ERASABLE = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';

const clock = { now: () => Date.now() };
const plan = { id: 'pro', version: 1, rank: 2, monthlyAllowance: 1_000_000_000, upgradeCredit: 'full' } as const;
const contextOf = ledgerContexts(
  {
    burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
    lapsedRefund: 'grace',
    graceDays: 7,
    overConsumption: 'reject',
    adjustmentLimit: 1_000,
  },
  { plan: () => plan },
);

interface Opened {
  pool: pg.Pool;
  store: PostgresEventStore;
  sessions(): StreamSessions<AccountState, AccountFact>;
  close(): Promise<void>;
}

function open(databaseUrl: string): Opened {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  const store = new PostgresEventStore({ pool });
  const snapshotPolicy = { snapshots: new PostgresSnapshots(pool), codec: accountSnapshot, everyFacts: SNAPSHOT_EVERY_FACTS };
  const decider = accountDecider;
  return {
    pool,
    store,
    sessions: () => new StreamSessions({ store, decider, clock, sessionsMax: 10_000, snapshotPolicy }),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

function openCommand(accountId: string): AccountCommand {
  return { type: 'OpenAccount', accountId, name: { $erasable: ERASABLE }, plan: 'pro', timezone: 'UTC', billingAnchor: null };
}

function reserveCommand(taskId: string): AccountCommand {
  const request = { reservationId: taskId, taskId, model: 'kling-ai-5s', priceVersion: 'price_kling-ai-5s_1', credits: CREDITS };
  return { type: 'Reserve', requests: [{ ...request, minimumPlan: 'free', minimumPlanRank: 0, quote: null }], openTasksMax: 1_000_000_000 };
}

function newFacts(facts: readonly AccountFact[]): NewFact[] {
  return facts.map(({ type, data }) => ({ type, schemaVersion: ACCOUNT_FACT_VERSIONS[type], data }) as unknown as NewFact);
}

/** The task's own fact, as a submission writes it beside the reservation. */
function submittedFact(taskId: string, accountId: string, revision: number, at: number, reserved: AccountFact): NewFact {
  const [terms] = reserved.type === 'CreditsReserved' ? reserved.data.reservations : [];
  const drawdown = (terms?.drawdown ?? []).map(({ bucket, grantId, credits, expiresAt }) => ({ bucket, grantId, credits, expiresAt }));
  const decidedAt = toIso(at);
  const deadlineAt = toIso(at + 600_000);
  // One literal: what is measured is the write path, not how an object is put together.
  const data = {
    taskId,
    accountId,
    userId: null,
    model: 'kling-ai-5s',
    family: 'kling',
    provider: 'simulator',
    prompt: { $erasable: ERASABLE },
    metadata: null,
    parameters: {},
    credits: CREDITS,
    priceVersion: 'price_kling-ai-5s_1',
    quoteId: null,
    plan: 'pro',
    planVersion: 1,
    accountRevision: revision,
    decidedAt,
    drawdown,
    deadlineAt,
    deadlinePolicy: 'release_now',
    holdUntil: deadlineAt,
  };
  return { type: 'TaskSubmitted', schemaVersion: 1, data };
}

type Sessions = StreamSessions<AccountState, AccountFact>;

async function run(sessions: Sessions, accountId: string, command: AccountCommand): Promise<void> {
  const meta = processMeta(TENANT, 'bench', null);
  await sessions.execute(tenantStream('account', TENANT, accountId), meta, (state, at): SessionDecision<null> => {
    const decision = decideAccount(state, command, at, contextOf(meta.commandId));
    if (!Array.isArray(decision)) throw new Error(`the bench account refused: ${JSON.stringify(decision)}`);
    return { facts: newFacts(decision), result: () => null };
  });
}

/** One hold as the product makes it: two facts, one on the account and one on the task, durable when it resolves. */
async function hold(sessions: Sessions, accountId: string): Promise<void> {
  const meta = processMeta(TENANT, 'key_0123456789abcdef', null);
  const taskId = `task_${meta.commandId}`;
  await sessions.execute(tenantStream('account', TENANT, accountId), meta, (state, at, revision): SessionDecision<null> => {
    const decision = decideAccount(state, reserveCommand(taskId), at, contextOf(meta.commandId));
    if (!Array.isArray(decision)) throw new Error(`the bench account refused: ${JSON.stringify(decision)}`);
    const submitted = submittedFact(taskId, accountId, revision, at, decision.at(-1) as AccountFact);
    const companions = [{ stream: tenantStream('task', TENANT, taskId), expectedRevision: NO_STREAM, facts: [submitted] }];
    return { facts: newFacts(decision), companions, result: () => null };
  });
}

/** A second, closed loop: 64 callers with one hold each. */
async function holdsRate(sessions: Sessions, accounts: number, legMs: number): Promise<number> {
  let done = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + legMs;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (performance.now() < endsAt) {
        await hold(sessions, `a${Math.floor(Math.random() * accounts)}`);
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - startedAt) / 1000);
}

/** What a careful hand would write: many rows a statement, positions by identity, jsonb, text parameters. */
async function rawRate(databaseUrl: string, payloads: readonly string[], legMs: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      'CREATE TABLE IF NOT EXISTS bench_raw (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, rev int NOT NULL, type text NOT NULL, data jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now(), UNIQUE (stream, rev))',
    );
    const text = 'INSERT INTO bench_raw (stream, rev, type, data) SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::jsonb[])';
    const types = Array.from({ length: RAW_ROWS }, (_, n) => (n % 2 === 0 ? 'CreditsReserved' : 'TaskSubmitted'));
    const revs = new Array<number>(RAW_ROWS).fill(0);
    let rows = 0;
    const startedAt = performance.now();
    while (performance.now() < startedAt + legMs) {
      const streams = types.map(() => `task-bench.task_${newCommandId()}`);
      const data = types.map((_type, n) => payloads[(rows + n) % payloads.length]);
      await client.query({ name: 'raw', text, values: [streams, revs, types, data] });
      rows += RAW_ROWS;
    }
    return rows / ((performance.now() - startedAt) / 1000);
  } finally {
    await client.end();
  }
}

/** A log to be read: accounts, and on them and their tasks two facts a hold. */
export async function writeHolds(databaseUrl: string, accounts: number, holds: number): Promise<void> {
  const opened = open(databaseUrl);
  const sessions = opened.sessions();
  await Promise.all(Array.from({ length: accounts }, (_, n) => run(sessions, `a${n}`, openCommand(`a${n}`))));
  let left = holds;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left > 0) {
        left -= 1;
        await hold(sessions, `a${left % accounts}`);
      }
    }),
  );
  await sessions.snapshotsSettled();
  await opened.close();
}

export async function holdsLeg({ databaseUrl, rounds, legMs }: { databaseUrl: string; rounds: number; legMs: number }): Promise<LegResult> {
  const opened = open(databaseUrl);
  const { pool } = opened;
  const sessions = opened.sessions();
  await Promise.all(Array.from({ length: ACCOUNTS }, (_, n) => run(sessions, `a${n}`, openCommand(`a${n}`))));
  await holdsRate(sessions, ACCOUNTS, Math.min(legMs, 1_000));
  const { rows } = await pool.query<{ data: string; bytes: number }>(
    "SELECT data, octet_length(data) AS bytes FROM events WHERE type IN ('CreditsReserved', 'TaskSubmitted') ORDER BY pos DESC LIMIT 512",
  );
  const payloads = rows.map(({ data }) => data);
  const raw: Array<Record<'spread' | 'hot' | 'rawRows', number>> = [];
  for (let round = 0; round < rounds; round += 1) {
    const legs = [
      async () => ({ rawRows: await rawRate(databaseUrl, payloads, legMs) }),
      async () => ({ spread: await holdsRate(sessions, ACCOUNTS, legMs) }),
      async () => ({ hot: await holdsRate(sessions, 1, legMs) }),
    ];
    const figures = {} as Record<'spread' | 'hot' | 'rawRows', number>;
    for (const leg of round % 2 === 0 ? legs : legs.reverse()) Object.assign(figures, await leg());
    raw.push(figures);
  }
  await sessions.snapshotsSettled();
  await opened.close();
  const ratio = median(raw.map((round) => round.spread / round.rawRows));
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0) / rows.length;
  return {
    leg: 'a',
    title: `holds in process, ${IN_FLIGHT} in flight, two facts each (${Math.round(bytes)} bytes of JSON a fact on average)`,
    figures: [
      { leg: 'a', what: 'holds over 1,000 accounts', value: median(raw.map(({ spread }) => spread)), unit: '/s' },
      { leg: 'a', what: 'holds on one account', value: median(raw.map(({ hot }) => hot)), unit: '/s' },
      { leg: 'a', what: 'raw jsonb rows, 256 a statement', value: median(raw.map(({ rawRows }) => rawRows)), unit: '/s' },
      { leg: 'a', what: 'holds ÷ raw rows', value: ratio, unit: '×', aim: '≥ 0.6', reached: ratio >= 0.6 },
      { leg: 'a', what: 'holds on one account ÷ raw rows', value: median(raw.map((round) => round.hot / round.rawRows)), unit: '×' },
    ],
    raw,
  };
}

const LOADS = 40;
const FACTS_PER_APPEND = 500;
/** The tail behind the newest snapshot: half an interval, the average case. */
const TAIL_FACTS = SNAPSHOT_EVERY_FACTS / 2;
/** Holds that stay open, so that the state is that of a busy account. */
const OPEN_HOLDS = 100;

export async function coldLoadLegs({ databaseUrl, facts }: { databaseUrl: string; facts: readonly number[] }): Promise<LegResult[]> {
  const opened = open(databaseUrl);
  const raw: Array<{ facts: number; loadsMs: number[]; replayMs: number }> = [];
  const past: Array<{ facts: number; looksMs: number[] }> = [];
  for (const count of facts) {
    const accountId = `long${count}`;
    await fill(opened.store, accountId, count + TAIL_FACTS);
    const stream = tenantStream('account', TENANT, accountId);
    const first = opened.sessions();
    const replayStartedAt = performance.now();
    const replayed = await first.read(stream, accountSnapshotText);
    const replayMs = performance.now() - replayStartedAt;
    await first.snapshotsSettled();
    const loadsMs: number[] = [];
    for (let n = 0; n < LOADS; n += 1) {
      const cold = opened.sessions();
      const startedAt = performance.now();
      const loaded = await cold.read(stream, accountSnapshotText);
      loadsMs.push(performance.now() - startedAt);
      if (loaded !== replayed) throw new Error('a snapshot and its tail came to another state than the whole stream');
    }
    raw.push({ facts: count, loadsMs: loadsMs.sort((a, b) => a - b), replayMs });
    past.push({ facts: count, looksMs: await looksBack(opened, stream, count) });
  }
  await opened.close();
  const slowest = Math.max(...raw.map(({ loadsMs }) => percentile(loadsMs, 95)));
  const coldLoads = {
    leg: 'g',
    title: `cold load of an account: snapshot and a tail of ${TAIL_FACTS} facts, ${OPEN_HOLDS} open holds`,
    figures: [
      ...raw.flatMap(({ facts: count, loadsMs, replayMs }) => [
        { leg: 'g', what: `${count.toLocaleString('en')} facts, p50`, value: percentile(loadsMs, 50), unit: 'ms' },
        { leg: 'g', what: `${count.toLocaleString('en')} facts, p95`, value: percentile(loadsMs, 95), unit: 'ms' },
        { leg: 'g', what: `${count.toLocaleString('en')} facts, replayed whole, snapshots rebuilt`, value: replayMs, unit: 'ms' },
      ]),
      { leg: 'g', what: 'the slowest p95', value: slowest, unit: 'ms', aim: '< 20', reached: slowest < 20 },
    ],
    raw,
  };
  const pointsInTime = {
    leg: 'r',
    title: 'the state of an account at some instant of its past',
    figures: past.flatMap(({ facts: count, looksMs }) => [
      { leg: 'r', what: `${count.toLocaleString('en')} facts, p50`, value: percentile(looksMs, 50), unit: 'ms' },
      { leg: 'r', what: `${count.toLocaleString('en')} facts, p95`, value: percentile(looksMs, 95), unit: 'ms' },
    ]),
    raw: past,
  };
  return [coldLoads, pointsInTime];
}

/** Looks at the account as it stood at places all over its life. */
async function looksBack(opened: Opened, stream: string, count: number): Promise<number[]> {
  const looksMs: number[] = [];
  for (let n = 1; n <= LOADS; n += 1) {
    const startedAt = performance.now();
    await opened.sessions().stateAt(stream, { revision: Math.floor((count * n) / (LOADS + 1)) });
    looksMs.push(performance.now() - startedAt);
  }
  return looksMs.sort((a, b) => a - b);
}

/** Holds and their endings by the real decider, written in large appends; no snapshots yet. */
async function fill(store: PostgresEventStore, accountId: string, count: number): Promise<void> {
  const stream = tenantStream('account', TENANT, accountId);
  const state = accountDecider.initial();
  const holds: string[] = [];
  let written = 0;
  let buffer: AccountFact[] = [];
  const decide = (command: AccountCommand): void => {
    const decision = decideAccount(state, command, clock.now(), contextOf(newCommandId()));
    if (!Array.isArray(decision)) throw new Error(`the bench account refused: ${JSON.stringify(decision)}`);
    for (const fact of decision) accountDecider.evolve(state, fact);
    buffer.push(...decision);
  };
  decide(openCommand(accountId));
  while (written < count) {
    while (buffer.length < FACTS_PER_APPEND && written + buffer.length < count) {
      if (holds.length <= OPEN_HOLDS) {
        holds.push(`task_${newCommandId()}`);
        decide(reserveCommand(holds.at(-1) as string));
      } else {
        decide({ type: 'Refund', reservationId: holds.shift() as string, reason: 'bench', providerCost: [] });
      }
    }
    const result = await store.append({
      meta: processMeta(TENANT, 'bench', null),
      appends: [{ stream, expectedRevision: written - 1, facts: newFacts(buffer) }],
    });
    if (!result.ok) throw new Error('the bench stream is not its own');
    written += buffer.length;
    buffer = [];
  }
}

function accountSnapshotText(state: AccountState): string {
  return JSON.stringify(accountSnapshot.encode(state));
}
