// Legs t and u: how long a report over a million attempts takes, with nothing in memory, and what the studio's read models cost tasks without a brief.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EventStore, type LogPage, MemoryEventStore, placeOf, type Position, type StoredFact, toPosition } from '#libs/event-store';
import type { JsonObject } from '#libs/kernel';
import { migrate, startEmbeddedPostgres } from '#libs/platform';
import { PostgresStudioReads, READ_MODEL_LIST, type ReadModel } from '#libs/projections';
import { type AttemptFilter, costPerUsableClip, type ImportedAttempt, type ReportGroup, type ReportOptions } from '#libs/studio';
import { Harness, NO_KEYS } from '../../libs/projections/src/testing/harness.js';
import { ManualClock } from '../../libs/projections/src/testing/world.js';
import { Random } from '../../test/year/random.js';
import { Year } from '../../test/year/year.js';
import { median } from '../load.js';
import type { Figure, LegResult } from '../report.js';

const TENANT = 'default';
const FROM = Date.UTC(2025, 0, 6);
const DAY_MS = 86_400_000;
const STUDIO_MODELS = ['briefs', 'attempts'];
const ATTEMPTS_PER_BRIEF = 1_000;

/** Outcome, reason, how often of 50: as in the article's pilot. */
const OUTCOMES = [
  ...([
    ['published', null, 5],
    ['approved_to_publish', null, 2],
    ['scheduled', null, 1],
    ['review_pending', null, 2],
  ] as const),
  ...([
    ['rejected_quality', 'artifact_or_distortion', 10],
    ['rejected_accuracy', 'product_detail_wrong', 9],
  ] as const),
  ...([
    ['rejected_brand_fit', 'brand_mismatch', 6],
    ['rejected_quality', 'prompt_not_followed', 5],
  ] as const),
  ...([
    ['rejected_quality', 'too_generic', 4],
    ['rejected_rights_risk', 'rights_or_likeness_risk', 2],
    ['generation_failed', null, 4],
  ] as const),
] as const;
const DRAWN = OUTCOMES.flatMap(([status, reason, often]) => Array.from({ length: often }, () => [status, reason] as const));

export interface AttemptsLegsOptions {
  /** A hundredth, and all. */
  attempts: number;
  rounds: number;
  /** Of the generated year without a brief. */
  tasks: number;
  databaseUrl: string;
}

export async function reportLeg({ attempts, rounds }: Pick<AttemptsLegsOptions, 'attempts' | 'rounds'>): Promise<LegResult> {
  const few = await measured(Math.max(10_000, attempts / 100), rounds);
  const many = await measured(attempts, rounds);
  const name = (count: number): string => count.toLocaleString('en');
  const figures: Figure[] = [{ leg: 't', what: 'imported attempts projected', value: many.projectedPerSecond, unit: '/s' }];
  for (const [what, cold] of Object.entries(many.cold)) {
    const reached = cold < 1_000;
    figures.push({ leg: 't', what: `${what}: cold`, value: cold, unit: 'ms', aim: '< 1,000', reached });
    const ratio = cold / (few.cold[what] as number);
    figures.push({ leg: 't', what: `${what}: cold, ÷ over ${name(few.attempts)}`, value: ratio, unit: '×' });
    figures.push({ leg: 't', what: `${what}: warm`, value: many.warm[what] as number, unit: 'ms' });
  }
  const title = `report over ${name(attempts)} attempts of ${name(attempts / ATTEMPTS_PER_BRIEF)} briefs, after a restart of PostgreSQL`;
  return { leg: 't', title, figures, raw: { few, many } };
}

interface Measured {
  attempts: number;
  projectedPerSecond: number;
  /** Question → median, ms. */
  cold: Record<string, number>;
  warm: Record<string, number>;
}

/** On a PostgreSQL of its own, which is stopped and started before each cold report. */
async function measured(attempts: number, rounds: number): Promise<Measured> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-bench-'));
  // Root's PostgreSQL runs as another user, who has to be able to enter.
  chmodSync(dataDir, 0o711);
  let postgres = await startEmbeddedPostgres({ dataDir });
  try {
    await migrate(postgres.url);
    const projectedPerSecond = await withPool(postgres.url, (pool) => projected(pool, attempts));
    const cold: Record<string, number[]> = {};
    const warm: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round += 1) {
      for (const [what, question] of Object.entries(questions(attempts))) {
        await postgres.stop();
        postgres = await startEmbeddedPostgres({ dataDir });
        await withPool(postgres.url, async (pool) => {
          (cold[what] ??= []).push(await timed(pool, question));
          (warm[what] ??= []).push(await timed(pool, question));
        });
      }
    }
    return { attempts, projectedPerSecond, cold: medians(cold), warm: medians(warm) };
  } finally {
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Question {
  filter: AttemptFilter;
  groupBy: ReportGroup | null;
}

function questions(attempts: number): Record<string, Question> {
  const weeks = Math.min(50, attempts / ATTEMPTS_PER_BRIEF);
  return {
    'all of them': { filter: {}, groupBy: null },
    'by prompt version': { filter: {}, groupBy: 'promptVersion' },
    'of one channel, by model': { filter: { channel: 'channel_1' }, groupBy: 'model' },
    'of one brief': { filter: { briefId: 'bf_3' }, groupBy: 'week' },
    'between two instants, by brief': { filter: { from: FROM + 1.4 * DAY_MS, to: FROM + 7 * weeks * DAY_MS - 7_777 }, groupBy: 'brief' },
  };
}

async function timed(pool: pg.Pool, { filter, groupBy }: Question): Promise<number> {
  const startedAt = performance.now();
  const cells = await new PostgresStudioReads(pool, NO_KEYS).cells({ tenant: TENANT, accounts: null }, filter, groupBy);
  const options: ReportOptions = {
    ...{ groupBy, hourlyRateMinor: 6_000, toolingCostMinor: 0, complianceCostMinor: 0, costSource: 'ledger', currency: null },
    ...{ benchmark: null, format: null, channel: null },
  };
  const report = costPerUsableClip(cells, options);
  const tookMs = performance.now() - startedAt;
  if (!('totalGenerations' in report) || report.totalGenerations === 0) throw new Error('the report is empty');
  return tookMs;
}

async function projected(pool: pg.Pool, attempts: number): Promise<number> {
  const log = new ImportedLog(attempts);
  const clock = new ManualClock(FROM);
  const models = READ_MODEL_LIST.filter(({ name }) => STUDIO_MODELS.includes(name));
  const harness = new Harness(log as unknown as EventStore, pool, clock, { models });
  const startedAt = performance.now();
  harness.engine.start();
  const head = await log.head();
  while ((await harness.reads.position()) < head) await new Promise((resolve) => setTimeout(resolve, 50));
  const tookMs = performance.now() - startedAt;
  await harness.engine.stop();
  if (harness.errors.length > 0) throw harness.errors[0] as Error;
  // As autovacuum does sooner or later.
  await pool.query('VACUUM ANALYZE');
  return attempts / (tookMs / 1_000);
}

/** A log of imports that is made while it is read: the projector sees the facts of a million lines, and nobody has to append them. */
class ImportedLog {
  readonly #briefs: number;

  constructor(private readonly attempts: number) {
    this.#briefs = Math.max(1, attempts / ATTEMPTS_PER_BRIEF);
  }

  head(): Promise<Position> {
    return Promise.resolve(toPosition(this.#briefs + this.attempts));
  }

  readAll({ after, limit }: { after: Position; limit: number }): Promise<LogPage> {
    const first = placeOf(after) + 1;
    const last = Math.min(first + limit - 1, this.#briefs + this.attempts);
    const facts = Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => this.#fact(first + n));
    return Promise.resolve({ facts, position: toPosition(Math.max(last, first - 1)), atEnd: last === this.#briefs + this.attempts });
  }

  onAppended(): () => void {
    return () => undefined;
  }

  #fact(place: number): StoredFact {
    const isBrief = place <= this.#briefs;
    const [type, stream, data] = isBrief ? briefCreated(place - 1) : attemptImported(place - this.#briefs - 1, this.#briefs);
    return {
      ...{ id: `evt_${place}`, type, schemaVersion: 1, stream, revision: 0, position: toPosition(place), recordedAt: FROM, tenant: TENANT },
      ...{ actor: 'bench', correlationId: 'bench', causationId: null, requestHash: null, data: data as JsonObject, sealed: null },
    };
  }
}

function briefCreated(n: number): [string, string, object] {
  const briefId = `bf_${n}`;
  const data = {
    ...{ briefId, accountId: null, channel: `channel_${n % 5}`, format: `format_${n % 3}`, durationSeconds: '6', goal: { $erasable: 'g' } },
    ...{ mustInclude: null, mustAvoid: null, riskLevel: 'low', consistencyRequirement: 'low', campaign: `campaign_${n % 40}`, paid: false },
    ...{ sensitiveCategories: [], attemptBudget: null, gates: [], autoReview: false, decidedAt: new Date(FROM).toISOString() },
  };
  return ['BriefCreated', `brief-${TENANT}.${briefId}`, data];
}

/** A brief's attempts fall into two weeks of their own, over two models and three prompt versions. */
function attemptImported(n: number, briefs: number): [string, string, object] {
  const random = Random.of(n, 'attempt');
  const brief = n % briefs;
  const [status, reason] = random.of(DRAWN);
  const createdAt = FROM + ((brief % 50) * 7 + random.whole(0, 13)) * DAY_MS + random.whole(0, DAY_MS - 1);
  const id = `gen_${n}`;
  const attempt: ImportedAttempt = {
    ...{
      id,
      brief_id: `bf_${brief}`,
      prompt_id: `pr_${brief % 20}`,
      prompt_version: `v${random.whole(1, 3)}`,
      model: `model_${random.whole(1, 2)}`,
    },
    ...{
      duration_seconds: '6',
      credits_used: '42',
      generation_cost_usd: random.of(['0.84', '0.6', '0.42']),
      asset_url: `s3://pilots/${id}.mp4`,
    },
    ...{ status, rejection_reason: reason, review_minutes: random.of(['3', '4', '2.5']), editing_minutes: random.of(['0', '2', '12']) },
    ...{ published: status === 'published', created_at: new Date(createdAt).toISOString() },
  };
  return ['AttemptImported', `clip-${TENANT}.${id}`, { clipId: id, attempt, person: 'key_1', decidedAt: new Date(FROM).toISOString() }];
}

/** The same log of tasks without a brief, projected with the studio's read models and without them. */
export async function briefFreeLeg({ databaseUrl, rounds, tasks }: Omit<AttemptsLegsOptions, 'attempts'>): Promise<LegResult> {
  const clock = Object.assign(new ManualClock(Date.UTC(2025, 0)), {
    set(instant: number): Promise<void> {
      clock.at = instant;
      return Promise.resolve();
    },
  });
  const store = new MemoryEventStore(clock);
  const year = new Year(store, clock, {
    ...{ seed: 20_261_122, accounts: Math.max(20, tasks / 200), tasks, ticksPerDay: 1, from: Date.UTC(2025, 0), months: 12 },
    ...{ tenant: TENANT, lapsedRefund: 'grace', atOnce: 64 },
  });
  await year.run(async (_month, meanwhile) => meanwhile());
  const facts = placeOf(await store.head());
  const others = READ_MODEL_LIST.filter(({ name }) => !STUDIO_MODELS.includes(name));
  const raw: Array<{ with: number; without: number }> = [];
  await withPool(databaseUrl, async (pool) => {
    const project = async (models: readonly ReadModel[]): Promise<number> => {
      const harness = new Harness(store, pool, clock, { models });
      // Making tables is no part of projecting.
      await harness.engine.registry.ensure(models);
      const startedAt = performance.now();
      harness.engine.start();
      await harness.caughtUp();
      const tookMs = performance.now() - startedAt;
      await harness.engine.stop();
      await forget(pool);
      return facts / (tookMs / 1_000);
    };
    // Once for the warmth of everything.
    await project(READ_MODEL_LIST);
    for (let round = 0; round < rounds; round += 1) {
      const figures = { with: 0, without: 0 };
      const sides = [async () => (figures.with = await project(READ_MODEL_LIST)), async () => (figures.without = await project(others))];
      for (const side of round % 2 === 0 ? sides : sides.reverse()) await side();
      raw.push(figures);
    }
  });
  const ratio = median(raw.map((round) => round.with / round.without));
  const figures: Figure[] = [
    { leg: 'u', what: 'facts projected, the studio’s read models among them', value: median(raw.map((round) => round.with)), unit: '/s' },
    { leg: 'u', what: 'facts projected without them', value: median(raw.map(({ without }) => without)), unit: '/s' },
    { leg: 'u', what: 'with ÷ without', value: ratio, unit: '×', aim: '≥ 0.95', reached: ratio >= 0.95 },
  ];
  return { leg: 'u', title: `${facts.toLocaleString('en')} facts of a generated year without a brief`, figures, raw };
}

async function forget(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string; version: number }>('SELECT name, version FROM projection_versions');
  for (const { name, version } of rows)
    for (const relation of READ_MODEL_LIST.find((one) => one.name === name)?.relations ?? [])
      await pool.query(`DROP TABLE ${relation}_v${version} CASCADE`);
  await pool.query('TRUNCATE projection_versions');
}

async function withPool<Result>(url: string, work: (pool: pg.Pool) => Promise<Result>): Promise<Result> {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function medians(figures: Record<string, number[]>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([what, values]) => [what, median(values)]));
}
