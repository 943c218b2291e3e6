import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryEventStore, POSITION_START } from '#libs/event-store';
import { formatDecimal, fromIso, parseDecimal, toIso } from '#libs/kernel';
import {
  type AttemptCell,
  type AttemptFilter,
  type AttemptRecord,
  type ImportedAttempt,
  isoWeekOf,
  MOVES,
  possibleMoves,
  REASONED_STATES,
  REJECTION_REASONS,
  REPORT_GROUPS,
  type ReportGroup,
  REVIEW_STATES,
  type ReviewState,
  type StudioVisibility,
} from '#libs/studio';
import { isOver, type TaskBrief } from '#libs/tasks';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import { Random } from '../../../../test/year/random.js';
import { Rebuilds } from '../engine/rebuild.postgres.js';
import { READ_MODEL_LIST } from '../read-models.js';
import { Harness, NO_KEYS } from '../testing/harness.js';
import { StudioWorld } from '../testing/studio-world.js';
import { ManualClock, POLICIES, START, World } from '../testing/world.js';
import { PostgresStudioReads } from './studio-reads.postgres.js';

const STEPS = 110;
/** Of which the cells are looked at once. */
const ACTIONS = 6;
const DAY_MS = 86_400_000;
const ACCOUNTS = ['acc_a', 'acc_b', 'acc_c'];
const MODELS = ['kling-ai-5s', 'sora-2-10s'];
const BRIEFS: Record<string, { campaign: string | null; channel: string; format: string }> = {
  bf_1: { campaign: 'summer', channel: 'instagram_reel', format: 'social_broll' },
  bf_2: { campaign: 'summer', channel: 'tiktok', format: 'ad_hook' },
  bf_3: { campaign: null, channel: 'tiktok', format: 'social_broll' },
};
const ALL: StudioVisibility = { tenant: 't1', accounts: null };

/** What the spec itself knows of an attempt; its costs it asks the journal for. */
interface Known {
  id: string;
  accountId: string | null;
  briefId: string;
  model: string;
  promptVersion: string;
  createdAt: number;
  taskId: string | null;
  /** Null for one that counts nowhere. */
  state: () => string | null;
  imported: ImportedAttempt | null;
}

interface Figures {
  creditsUsed: bigint;
  unpriced: bigint;
  ledger: Map<string, bigint>;
  provider: Map<string, bigint>;
}

let database: TestDatabase;
let clock: ManualClock;
let store: MemoryEventStore;
let harness: Harness;
let world: World;
let studio: StudioWorld;
let reads: PostgresStudioReads;
const random = Random.of(20_260_521, 'studio');
const known: Known[] = [];
const briefs = new Set<string>();
const tasks: Array<{ id: string; brief: TaskBrief | null; dispatched: boolean }> = [];
const settled = new Set<string>();
let imports = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(START);
  store = new MemoryEventStore(clock);
  world = new World(store, clock, 't1', {
    ...{ ...POLICIES, overConsumption: 'debt' },
    burnOrder: ['promotional', 'purchased', 'subscription', 'referral'],
  });
  studio = new StudioWorld(world);
  harness = new Harness(store, database.pool, clock, { engine: { gatherMs: 0, batchSizeMax: 17 } });
  reads = new PostgresStudioReads(database.pool, NO_KEYS);
  harness.engine.start();
  for (const accountId of ACCOUNTS) await world.open(accountId, 'free');
  for (let n = 0; n < 6; n += 1) await grant();
});
afterAll(async () => {
  await harness.engine.stop();
  await database.drop();
});

async function grant(): Promise<void> {
  const bucket = random.of(['purchased', 'promotional'] as const);
  const costBasis = bucket === 'purchased' ? { currency: random.of(['USD', 'EUR']), amountMinor: random.whole(1, 1_000) } : null;
  const terms = { bucket, credits: random.whole(50, 400), expiresAt: null, reference: 'ref', costBasis };
  await world.account(random.of(ACCOUNTS), { type: 'GrantCredits', ...terms });
}

async function submit(): Promise<void> {
  const accountId = random.of(ACCOUNTS);
  const briefId = random.of(Object.keys(BRIEFS));
  const prompt = random.chance(0.8) ? { promptId: random.of(['pr_1', 'pr_2']), version: random.whole(1, 2) } : null;
  const brief = random.chance(0.75) ? studio.taskBrief(briefId, prompt) : null;
  const model = random.of(MODELS);
  const deadlineMs = random.of([2 * DAY_MS, 100 * DAY_MS, 100 * DAY_MS, 100 * DAY_MS]);
  const id = await world.submit(accountId, { credits: random.whole(1, 120), model, deadlineMs, ...(brief !== null && { brief }) });
  const task = { id, brief, dispatched: false };
  tasks.push(task);
  if (brief === null) return;
  const state = (): string | null => {
    const clip = studio.clips.get(id.replace(/^task_/, 'clip_'));
    if (clip !== undefined) return clip.state;
    const { status, late } = world.tasks.get(id)?.state ?? { status: 'pending', late: null };
    if (status === 'completed' || late?.accepted === true) return 'generated';
    if (status === 'failed' || status === 'timed_out') return 'generation_failed';
    return status === 'cancelled' && task.dispatched ? 'generation_failed' : null;
  };
  const promptVersion = brief.promptVersionId ?? '';
  known.push({
    ...{ id: id.replace(/^task_/, 'clip_'), accountId, briefId, model, promptVersion, createdAt: clock.at, taskId: id, state },
    imported: null,
  });
}

async function goOn(): Promise<void> {
  const open = tasks.filter(({ id }) => world.tasks.get(id)?.state.status !== 'rejected');
  if (open.length === 0) return;
  // Mostly of those that are on their way; now and then of one long over.
  const task = random.of(random.chance(0.8) ? open.slice(-12) : open);
  const { state } = world.tasks.get(task.id) as NonNullable<ReturnType<typeof world.tasks.get>>;
  if (isOver(state)) {
    await after(task, state);
    return;
  }
  if (!task.dispatched && random.chance(0.8)) {
    await world.task(task.id, { type: 'Dispatch', provider: 'simulator' });
    await world.task(task.id, { type: 'Accept', attempt: 1, providerJobId: `job-${task.id}` });
    task.dispatched = true;
    return;
  }
  const cost = random.chance(0.7) ? { currency: 'USD', amountMinor: random.whole(0, 40) } : null;
  const failure = { code: 'provider_failed', detail: 'it broke', blame: 'provider', retryable: false } as const;
  const how = task.dispatched ? random.of(['complete', 'complete', 'complete', 'fail', 'time_out', 'cancel']) : 'cancel';
  if (how === 'complete') await complete(task.id, cost);
  else if (how === 'fail') await world.task(task.id, { type: 'Fail', attempt: 1, failure, cost, lateResultPolicy: 'discard' });
  else if (how === 'time_out') await world.task(task.id, { type: 'TimeOut' });
  else {
    await world.task(task.id, { type: 'RequestCancellation', reason: null });
    if (task.dispatched) await world.task(task.id, { type: 'Cancel', attempt: 1, cost });
  }
}

function complete(taskId: string, cost: { currency: string; amountMinor: number } | null): Promise<boolean> {
  const assets = [{ url: `https://assets.test/${taskId}.mp4`, mediaType: 'video/mp4', durationSeconds: '5' }];
  const deliveredFraction = random.of(['1', '1', '0.5', '1.25']);
  const verdict = { assets, deliveredFraction, excess: 'debt', actualDurationSeconds: '5', lateResultPolicy: 'offer' } as const;
  return world.task(taskId, { type: 'Complete', attempt: 1, ...verdict, cost });
}

/** A task that is over: what comes then comes in any order, and twice. */
async function after(task: (typeof tasks)[number], state: { accountId: string; status: string; late: unknown }): Promise<void> {
  const clipId = task.id.replace(/^task_/, 'clip_');
  if (!settled.has(task.id) && random.chance(0.5)) {
    if (await world.settle(task.id)) settled.add(task.id);
    return;
  }
  if (state.status === 'timed_out' && task.dispatched && random.chance(0.4)) {
    if (state.late === null) await complete(task.id, null);
    else await world.task(task.id, { type: 'AcceptLateResult', reservationId: `${task.id}.late` });
    return;
  }
  switch (random.of(['settle', 'settle', 'clip', 'clip', 'goodwill', 'bill', 'cost', 'stored'])) {
    case 'settle':
      await world.settle(task.id);
      return;
    case 'clip':
      if (task.brief !== null && state.status === 'completed' && !studio.clips.has(clipId)) await studio.clip(task.id, task.brief);
      return;
    case 'goodwill':
      await goodwill(task.id, state.accountId);
      return;
    case 'bill':
      await studio.billed(task.id, state.accountId, random.whole(-5, 30), random.of(['USD', 'EUR']));
      return;
    case 'cost': {
      const cost = { currency: 'USD', amountMinor: random.whole(1, 9) };
      const providerCost = { attempt: 1, provider: 'simulator', providerJobId: null, model: 'kling-ai-5s', cost };
      await world.account(state.accountId, { type: 'BookProviderCost', taskId: task.id, providerCost });
      return;
    }
    default: {
      const asset = { index: 0, url: `/v1/assets/${task.id}.mp4`, sha256: 'a'.repeat(64), bytes: 9, mediaType: 'video/mp4' };
      const sizes = { durationSeconds: '5', width: 1, height: 1, late: false, sourceUrl: `https://assets.test/${task.id}.mp4` };
      if (state.status === 'completed')
        await world.task(task.id, { type: 'RecordAssets', stored: [{ ...asset, ...sizes }], notStored: [] });
    }
  }
}

async function goodwill(taskId: string, accountId: string): Promise<void> {
  const facts = await store.readStream(`account-t1.${accountId}`);
  const consumed = facts.find((fact) => fact.type === 'CreditsConsumed' && fact.data['taskId'] === taskId);
  if (consumed === undefined) return;
  const parts = (consumed.data['parts'] as unknown as Array<{ grantId: string; credits: number }>).map(({ grantId, credits }) => ({
    grantId,
    credits,
  }));
  const owed = parts[0]?.grantId;
  if (owed !== undefined && random.chance(0.3))
    await world.account(accountId, { type: 'RevokeGrant', grantId: owed, reason: 'chargeback', spent: 'debt' });
  const { model } = (world.tasks.get(taskId) as { state: { model: string } }).state;
  const wish = { taskId, model, reservationId: taskId, credits: random.whole(1, 30), reason: 'sorry', consumed: parts };
  await world.account(accountId, { type: 'RefundGoodwill', ...wish });
}

async function revoke(): Promise<void> {
  const accountId = random.of(ACCOUNTS);
  const grants = [...(world.accounts.get(accountId)?.state.grants.keys() ?? [])];
  if (grants.length === 0) return;
  await world.account(accountId, {
    type: 'RevokeGrant',
    grantId: random.of(grants.slice(0, 8)),
    reason: 'error',
    spent: random.of(['forgive', 'debt']),
  });
}

async function importOne(): Promise<void> {
  const status = random.of([...REVIEW_STATES, 'rejected', 'generation_failed'] as const);
  const mustSay = REASONED_STATES.has(status) || status === 'rejected';
  const attempt: ImportedAttempt = {
    ...{ id: `gen_${(imports += 1)}`, brief_id: random.of([...Object.keys(BRIEFS), 'bf_unknown']), model: random.of(MODELS) },
    ...{ prompt_id: 'pr_1', prompt_version: `v${random.whole(1, 3)}`, duration_seconds: '6', credits_used: random.of(['42', '0.5']) },
    ...{
      generation_cost_usd: random.of(['0.84', '0.1', '0.2', '0.125']),
      asset_url: 's3://a/b.mp4',
      status,
      published: status === 'published',
    },
    ...{ rejection_reason: mustSay ? random.of(REJECTION_REASONS) : null, review_minutes: random.of(['3', '0.1']), editing_minutes: '0.2' },
    created_at: toIso(clock.at - random.whole(0, 20) * DAY_MS + random.whole(0, DAY_MS)),
  };
  await studio.import(attempt);
  known.push({
    ...{ id: attempt.id, accountId: null, briefId: attempt.brief_id, model: attempt.model, taskId: null, imported: attempt },
    promptVersion: `pr_1@${attempt.prompt_version}`,
    createdAt: fromIso(attempt.created_at),
    state: () => studio.clips.get(attempt.id)?.state ?? null,
  });
}

async function move(): Promise<void> {
  const movable = [...studio.clips.values()].filter(({ state }) => possibleMoves(state).length > 0);
  if (movable.length === 0) return;
  const clip = random.of(movable);
  const to = random.of(MOVES[clip.state as ReviewState]);
  const reasons = REASONED_STATES.has(to) ? [random.of(REJECTION_REASONS), random.of(REJECTION_REASONS)] : [];
  const minutes = { reviewMinutes: random.of(['0', '3', '0.1']), brandReviewMinutes: random.of(['0', '2.5']), editingMinutes: '0.2' };
  await studio.move(clip.clipId, to, { reasons: [...new Set(reasons)], ...minutes });
}

async function step(): Promise<void> {
  clock.at += random.whole(0, 8) * 3_600_000;
  const did = random.of([
    'grant',
    'submit',
    'submit',
    'go',
    'go',
    'go',
    'go',
    'go',
    'go',
    'import',
    'move',
    'move',
    'move',
    'brief',
    'revoke',
  ]);
  if (did === 'grant') await grant();
  else if (did === 'submit') await submit();
  else if (did === 'go') await goOn();
  else if (did === 'import') await importOne();
  else if (did === 'move') await move();
  else if (did === 'revoke') {
    if (random.chance(0.5)) await revoke();
  } else {
    const next = Object.keys(BRIEFS).find((id) => !briefs.has(id));
    if (next === undefined || !random.chance(0.3)) return;
    await studio.brief(next, BRIEFS[next]);
    briefs.add(next);
  }
}

/** Per task, what the journal has posted on what was consumed, on revenue of usage and on expenses. */
async function journalOf(): Promise<Map<string, Figures>> {
  const { rows } = await database.pool.query<{ task_id: string; account: string; commodity: string; amount: string; priced: boolean }>(
    `SELECT p.task_id, p.account, p.commodity, p.amount, g.currency IS NOT NULL AS priced
       FROM journal_posting AS p LEFT JOIN balance_grant AS g ON g.grant_id = p.grant_id WHERE p.task_id IS NOT NULL`,
  );
  const all = new Map<string, Figures>();
  for (const { task_id: taskId, account, commodity, amount, priced } of rows) {
    let figures = all.get(taskId);
    if (figures === undefined) all.set(taskId, (figures = { creditsUsed: 0n, unpriced: 0n, ledger: new Map(), provider: new Map() }));
    if (account.startsWith('consumed:')) {
      figures.creditsUsed += BigInt(amount);
      if (!priced) figures.unpriced += BigInt(amount);
    } else if (account.startsWith('revenue:usage:')) figures.ledger.set(commodity, (figures.ledger.get(commodity) ?? 0n) - BigInt(amount));
    else if (account.startsWith('expenses:')) figures.provider.set(commodity, (figures.provider.get(commodity) ?? 0n) + BigInt(amount));
  }
  return all;
}

/** Thousandths: enough for every decimal of this history. */
function milli(text: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n;
  const { digits, scale } = parseDecimal(text.replace('-', '')) ?? { digits: 0n, scale: 0 };
  return (sign * digits * 1_000n) / 10n ** BigInt(scale);
}

function decimalOf(thousandths: bigint): string {
  const sign = thousandths < 0n ? '-' : '';
  return sign + formatDecimal({ digits: thousandths < 0n ? -thousandths : thousandths, scale: 3 });
}

type Sum = Record<'generations' | 'review' | 'brand' | 'editing' | 'credits' | 'unpriced', bigint> & {
  money: Map<string, bigint>;
};

function emptySum(): Sum {
  return { generations: 0n, review: 0n, brand: 0n, editing: 0n, credits: 0n, unpriced: 0n, money: new Map() };
}

/** From nothing but what the spec did, and the journal. */
async function recounted(who: StudioVisibility, filter: AttemptFilter, groupBy: ReportGroup | null): Promise<Map<string, Sum>> {
  const costs = await journalOf();
  const sums = new Map<string, Sum>();
  for (const attempt of known) {
    const state = attempt.state();
    const brief = briefs.has(attempt.briefId) ? (BRIEFS[attempt.briefId] as (typeof BRIEFS)[string]) : null;
    if (state === null || !isIn(attempt, brief, who, filter)) continue;
    const clip = studio.clips.get(attempt.id);
    const group = groupOf(attempt, brief, groupBy);
    const reasons = [...new Set(clip?.reasons ?? [])].sort().join(',');
    const key = JSON.stringify([group, isoWeekOf(attempt.createdAt), state, reasons]);
    let sum = sums.get(key);
    if (sum === undefined) sums.set(key, (sum = emptySum()));
    sum.generations += 1n;
    sum.review += milli(clip?.reviewMinutes ?? '0');
    sum.brand += milli(clip?.brandReviewMinutes ?? '0');
    sum.editing += milli(clip?.editingMinutes ?? '0');
    const add = (name: string, amount: bigint): unknown => sum.money.set(name, (sum.money.get(name) ?? 0n) + amount);
    if (attempt.imported !== null) {
      sum.credits += milli(attempt.imported.credits_used);
      add('ledger USD', 100n * milli(attempt.imported.generation_cost_usd));
      add('provider USD', 100n * milli(attempt.imported.generation_cost_usd));
      continue;
    }
    const figures = costs.get(attempt.taskId as string);
    sum.credits += 1_000n * (figures?.creditsUsed ?? 0n);
    sum.unpriced += 1_000n * (figures?.unpriced ?? 0n);
    for (const [currency, amount] of figures?.ledger ?? []) add(`ledger ${currency}`, 1_000n * amount);
    for (const [currency, amount] of figures?.provider ?? []) add(`provider ${currency}`, 1_000n * amount);
  }
  return sums;
}

function isIn(attempt: Known, brief: (typeof BRIEFS)[string] | null, who: StudioVisibility, filter: AttemptFilter): boolean {
  if (who.accounts !== null && (attempt.accountId === null || !who.accounts.includes(attempt.accountId))) return false;
  const { promptVersion: version } = filter;
  return (
    (filter.briefId === undefined || filter.briefId === attempt.briefId) &&
    (filter.campaign === undefined || filter.campaign === brief?.campaign) &&
    (filter.channel === undefined || filter.channel === brief?.channel) &&
    (filter.format === undefined || filter.format === brief?.format) &&
    (filter.model === undefined || filter.model === attempt.model) &&
    (version === undefined || attempt.promptVersion === version || attempt.promptVersion.endsWith(`@${version}`)) &&
    attempt.createdAt >= (filter.from ?? -Infinity) &&
    attempt.createdAt < (filter.to ?? Infinity)
  );
}

function groupOf(attempt: Known, brief: (typeof BRIEFS)[string] | null, groupBy: ReportGroup | null): string | null {
  if (groupBy === 'brief') return attempt.briefId;
  if (groupBy === 'model') return attempt.model;
  if (groupBy === 'promptVersion') return attempt.promptVersion;
  if (groupBy === 'campaign' || groupBy === 'channel' || groupBy === 'format') return brief?.[groupBy] ?? null;
  return null;
}

function plainly(sums: Map<string, Sum>): object {
  return Object.fromEntries(
    [...sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { money, ...sum }]) => [
        key,
        {
          ...Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, String(value)])),
          money: Object.fromEntries(
            [...money]
              .filter(([, amount]) => amount !== 0n)
              .sort()
              .map(([name, amount]) => [name, decimalOf(amount)]),
          ),
        },
      ]),
  );
}

function sumsOf(cells: readonly AttemptCell[], groupBy: ReportGroup | null): Map<string, Sum> {
  const member = groupBy === 'brief' ? 'briefId' : groupBy;
  return new Map(
    cells.map((cell) => {
      const group = member === null || member === 'rejectionReason' || member === 'week' ? null : cell[member];
      const money = new Map([
        ...Object.entries(cell.ledgerCost).map(([currency, amount]) => [`ledger ${currency}`, milli(amount)] as const),
        ...Object.entries(cell.providerCost).map(([currency, amount]) => [`provider ${currency}`, milli(amount)] as const),
      ]);
      const sum: Sum = {
        ...{ generations: BigInt(cell.generations), review: milli(cell.reviewMinutes), brand: milli(cell.brandReviewMinutes), money },
        ...{ editing: milli(cell.editingMinutes), credits: milli(cell.creditsUsed), unpriced: milli(cell.unpricedCredits) },
      };
      return [JSON.stringify([group, cell.week, cell.state, cell.reasons.join(',')]), sum];
    }),
  );
}

function someFilter(): AttemptFilter {
  const filter: AttemptFilter = {};
  if (random.chance(0.2)) filter.briefId = random.of([...Object.keys(BRIEFS), 'bf_unknown']);
  if (random.chance(0.15)) filter.campaign = 'summer';
  if (random.chance(0.15)) filter.channel = 'tiktok';
  if (random.chance(0.15)) filter.format = 'social_broll';
  if (random.chance(0.2)) filter.model = random.of(MODELS);
  if (random.chance(0.2)) filter.promptVersion = random.of(['v1', 'v2', 'pr_1@v2', 'pr_2@v1']);
  const instant = (): number => random.of([START + random.whole(-25, 200) * DAY_MS, clock.at - random.whole(0, 40 * DAY_MS)]);
  if (random.chance(0.4)) filter.from = instant() - (instant() % random.of([1, DAY_MS]));
  if (random.chance(0.4)) filter.to = instant();
  return filter;
}

async function compare(who: StudioVisibility, filter: AttemptFilter, groupBy: ReportGroup | null): Promise<AttemptCell[]> {
  const cells = await reads.cells(who, filter, groupBy);
  const expected = plainly(await recounted(who, filter, groupBy));
  expect({ who, filter, groupBy, cells: plainly(sumsOf(cells, groupBy)) }).toEqual({ who, filter, groupBy, cells: expected });
  return cells;
}

describe('the cells of a history made by chance', () => {
  it('say at every step what counting the attempts one by one says, at the journal’s own figures', async () => {
    const seen = new Set<string>();
    for (let n = 0; n < STEPS; n += 1) {
      for (let action = 0; action < ACTIONS; action += 1) await step();
      const head = await store.head();
      await until(async () => harness.errors.length > 0 || (await harness.reads.position()) >= head, { everyMs: 5 });
      expect(harness.errors).toEqual([]);
      for (const { state } of await compare(ALL, {}, null)) seen.add(state);
      await compare(
        random.chance(0.3) ? { tenant: 't1', accounts: ['acc_a', 'acc_c'] } : ALL,
        someFilter(),
        random.of([null, ...REPORT_GROUPS]),
      );
    }
    // Neither a poor history nor an empty comparison.
    const cells = await reads.cells(ALL, {}, null);
    const types = new Set(
      (await store.readAll({ after: POSITION_START, limit: 100_000 })).facts.map(
        ({ type, data }) => `${type} ${JSON.stringify(data['cause'] ?? data['kind'] ?? null)}`,
      ),
    );
    const wanted = [
      'CreditsRefunded "goodwill"',
      'DebtRepaid "goodwill"',
      'DebtRecorded "over_consumption"',
      'BillLineBooked null',
      'ProviderCostBooked null',
      'LateResultAccepted null',
      'TaskAssetsStored null',
    ];
    expect({
      missing: wanted.filter((type) => !types.has(type)),
      states: seen.size > 9,
      currencies: cells.some(({ ledgerCost }) => ledgerCost['EUR'] !== undefined),
      unpriced: cells.some(({ unpricedCredits }) => unpricedCredits !== '0'),
      uncounted: known.some(({ state }) => state() === null),
    }).toEqual({ missing: [], states: true, currencies: true, unpriced: true, uncounted: true });
  });

  it('are the same cells when they are made anew from the log', async () => {
    const rebuilds = new Rebuilds(harness.engine, store, database.pool, READ_MODEL_LIST);
    for (const name of ['attempts', 'briefs'])
      expect(await rebuilds.run(name, { diff: true })).toMatchObject({ name, differing: 0, differences: [] });
    const before = await reads.cells(ALL, {}, 'brief');
    expect(await rebuilds.run('attempts', { diff: false })).toMatchObject({ switched: true });
    await compare(ALL, {}, 'brief');
    expect(before.length).toBeGreaterThan(0);
    const { rows } = await database.pool.query('SELECT 1 FROM attempt_cell WHERE generations <= 0');
    expect(rows).toEqual([]);
  });

  it('are of the same attempts that the log is written of', async () => {
    const records: AttemptRecord[] = [];
    for await (const batch of reads.attempts(ALL, {})) records.push(...batch);
    const counted = (await reads.cells(ALL, {}, null)).reduce((sum, { generations }) => sum + generations, 0);
    expect(records.length).toBe(counted);
    expect(records.map(({ created_at: at }) => fromIso(at))).toEqual(
      records.map(({ created_at: at }) => fromIso(at)).sort((a, b) => a - b),
    );
    for (const record of records) {
      const { imported } = known.find(({ id }) => id === record.id) as Known;
      if (imported === null) continue;
      const clip = studio.clips.get(record.id) as NonNullable<ReturnType<typeof studio.clips.get>>;
      if (clip.revision === 0) expect(record).toEqual(imported);
      else expect(record).toMatchObject({ status: clip.state, generation_cost_usd: imported.generation_cost_usd });
    }
  });
});
