import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CachedCustomerKeys, MemoryEventStore, MemoryKeyVault } from '#libs/event-store';
import type { ClipView, ImportedAttempt, StudioPage, StudioPageQuery, StudioVisibility } from '#libs/studio';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { InvalidCursor } from '../read-models.port.js';
import { Harness } from '../testing/harness.js';
import { StudioWorld } from '../testing/studio-world.js';
import { ManualClock, START, World } from '../testing/world.js';
import { PostgresStudioReads } from './studio-reads.postgres.js';

const ALL: StudioVisibility = { tenant: 't1', accounts: null };
const BOUND: StudioVisibility = { tenant: 't1', accounts: ['acc_1'] };
const FIRST: StudioPageQuery = { limit: 50, cursor: null };
const HOUR_MS = 3_600_000;

const LINE: ImportedAttempt = {
  ...{
    id: 'gen_00042',
    brief_id: 'bf_elsewhere',
    prompt_id: 'pr_003',
    prompt_version: 'v2',
    model: 'video-model-a',
    duration_seconds: '6',
  },
  ...{ credits_used: '42', generation_cost_usd: '0.845', asset_url: 's3://pilots/gen_00042.mp4', status: 'rejected', published: false },
  ...{ rejection_reason: 'product_detail_wrong', review_minutes: '3', editing_minutes: '0', created_at: '2026-05-21T12:00:00Z' },
};

let database: TestDatabase;
let clock: ManualClock;
let store: MemoryEventStore;
let world: World;
let studio: StudioWorld;
let keys: CachedCustomerKeys;
let harness: Harness;
let reads: PostgresStudioReads;

beforeAll(async () => {
  database = await createTestDatabase();
  clock = new ManualClock(START);
  store = new MemoryEventStore(clock);
  world = new World(store, clock);
  studio = new StudioWorld(world);
  keys = new CachedCustomerKeys(new MemoryKeyVault());
  harness = new Harness(store, database.pool, clock, { keys });
  reads = new PostgresStudioReads(database.pool, keys);
  harness.engine.start();
  for (const account of ['acc_1', 'acc_2']) await world.open(account);
});
afterAll(async () => {
  await harness.engine.stop();
  await database.drop();
});

async function sealed(accountId: string, values: Record<string, string | string[]>): Promise<string> {
  return (await keys.sealerFor('t1', accountId)).seal(values)?.sealed as string;
}

/** All rows of a list, a page at a time; `between` runs after each page. */
async function walk<Row>(
  list: (page: StudioPageQuery) => Promise<StudioPage<Row>>,
  limit: number,
  between?: () => Promise<void>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = null; ;) {
    const page: StudioPage<Row> = await list({ limit, cursor });
    rows.push(...page.data);
    cursor = page.nextCursor;
    if (cursor === null) return rows;
    await between?.();
  }
}

/** A task of the brief that completed, and its clip. */
async function generated(briefId: string, accountId = 'acc_1'): Promise<string> {
  const brief = studio.taskBrief(briefId, { promptId: 'pr_1', version: 1 });
  const taskId = await world.submit(accountId, { credits: 10, brief });
  await world.run(taskId);
  return studio.clip(taskId, brief);
}

describe('briefs', () => {
  it('show their texts, how far they are, and the attempts that were taken', async () => {
    const texts = await sealed('acc_1', { goal: 'support a launch', mustInclude: ['bright kitchen', 'morning light'] });
    await studio.brief('bf_1', { accountId: 'acc_1', campaign: 'summer', attemptBudget: 5, riskLevel: 'high', gates: ['logos'] }, texts);
    await harness.caughtUp();
    expect(await reads.brief(ALL, 'bf_1')).toMatchObject({
      ...{ id: 'bf_1', state: 'draft_brief', goal: 'support a launch', mustInclude: ['bright kitchen', 'morning light'], mustAvoid: [] },
      ...{ suggestedUse: 'strict human review only', campaign: 'summer', attemptBudget: 5, attemptsUsed: 0, gates: ['logos'], revision: 0 },
    });
    const decidedAt = studio.now;
    const ready = { briefId: 'bf_1', accountId: 'acc_1', promptId: 'pr_1', promptVersion: 2, variables: { $erasable: 'variables' } };
    await studio.say(
      'brief',
      'bf_1',
      [{ type: 'BriefReadied', data: { ...ready, revision: 1, decidedAt } }],
      (await keys.sealerFor('t1', 'acc_1')).seal({ variables: { mood: 'fresh' } })?.sealed,
    );
    await studio.say('brief', 'bf_1', [{ type: 'BriefAttemptTaken', data: { briefId: 'bf_1', taskId: 'task_1', used: 1, decidedAt } }]);
    await studio.say('brief', 'bf_1', [{ type: 'BriefAttemptTaken', data: { briefId: 'bf_1', taskId: 'task_2', used: 2, decidedAt } }]);
    await studio.say('brief', 'bf_1', [{ type: 'BriefAttemptReturned', data: { briefId: 'bf_1', taskId: 'task_1', used: 1, decidedAt } }]);
    await harness.caughtUp();
    expect(await reads.brief(ALL, 'bf_1')).toMatchObject({
      ...{ state: 'prompt_ready', promptId: 'pr_1', promptVersion: 2, promptVersionId: 'pr_1@v2', variables: { mood: 'fresh' } },
      ...{ attemptsUsed: 1, revision: 1, goal: 'support a launch' },
    });
  });

  it('are listed newest first, a page at a time, to those who may see them', async () => {
    for (let n = 0; n < 5; n += 1) await studio.brief(`bf_list_${n}`, { channel: 'list', accountId: n === 3 ? 'acc_2' : null });
    await harness.caughtUp();
    const listed = await walk(
      (page) => reads.briefs(ALL, { ...page, channel: 'list' }),
      2,
      async () => {
        await studio.brief(`bf_new_${world.store === store ? clock.at++ : 0}`, { channel: 'list' });
        await harness.caughtUp();
      },
    );
    expect(listed.map(({ id }) => id)).toEqual(['bf_list_4', 'bf_list_3', 'bf_list_2', 'bf_list_1', 'bf_list_0']);
    const bound = { tenant: 't1', accounts: ['acc_2'] };
    expect((await reads.briefs(bound, FIRST)).data.map(({ id }) => id)).toEqual(['bf_list_3']);
    expect(await reads.brief(bound, 'bf_list_2')).toBeNull();
    expect(await reads.brief({ tenant: 't2', accounts: null }, 'bf_1')).toBeNull();
    expect((await reads.briefs(ALL, { ...FIRST, campaign: 'summer', state: 'prompt_ready' })).data.map(({ id }) => id)).toEqual(['bf_1']);
    await expect(reads.briefs(ALL, { limit: 2, cursor: 'bogus' })).rejects.toThrow(InvalidCursor);
  });
});

describe('prompts and benchmarks', () => {
  it('show every version and where labels point', async () => {
    const decidedAt = studio.now;
    const erasable = { $erasable: 'x' };
    await studio.say(
      'prompt',
      'pr_1',
      [{ type: 'PromptCreated', data: { promptId: 'pr_1', name: erasable, decidedAt } }],
      await sealed('', { name: 'B-roll' }),
    );
    for (const version of [1, 2])
      await studio.say(
        'prompt',
        'pr_1',
        [{ type: 'PromptVersionAdded', data: { promptId: 'pr_1', version, template: erasable, variables: ['mood'], decidedAt } }],
        await sealed('', { template: `{{mood}} ${version}` }),
      );
    const label = { promptId: 'pr_1', label: 'production', previous: null, decidedAt };
    await studio.say('prompt', 'pr_1', [{ type: 'PromptLabelMoved', data: { ...label, version: 1 } }]);
    await harness.caughtUp();
    expect(await reads.prompt(ALL, 'pr_1')).toMatchObject({
      ...{ id: 'pr_1', name: 'B-roll', version: 2, promptVersionId: 'pr_1@v2', template: '{{mood}} 2', labels: { production: 1 } },
      versions: [
        { id: 'pr_1@v1', template: '{{mood}} 1', variables: ['mood'] },
        { id: 'pr_1@v2', template: '{{mood}} 2' },
      ],
    });
    expect((await reads.prompts(ALL, FIRST)).data.map(({ id }) => id)).toEqual(['pr_1']);
    expect(await reads.prompt(BOUND, 'pr_1')).toBeNull();
    expect((await reads.prompts(BOUND, FIRST)).data).toEqual([]);
  });

  it('keep the last word on a benchmark', async () => {
    for (const [name, amountMinor] of [
      ['stock', 900],
      ['agency', 5_000],
      ['stock', 1_200],
    ] as const) {
      const bar = { costPerUsableClip: { currency: 'USD', amountMinor }, qualityBar: { usableRate: '0.2' }, decidedAt: studio.now };
      await studio.say('benchmark', name, [{ type: 'BenchmarkSet', data: { name, ...bar } }]);
    }
    await harness.caughtUp();
    expect((await reads.benchmarks('t1')).map(({ name, costPerUsableClip }) => [name, costPerUsableClip.amountMinor])).toEqual([
      ['agency', 5_000],
      ['stock', 1_200],
    ]);
    expect(await reads.benchmark('t1', 'stock')).toMatchObject({ qualityBar: { usableRate: '0.2' } });
    expect(await reads.benchmark('t2', 'stock')).toBeNull();
  });
});

describe('a clip', () => {
  it('shows its history, its cost by the ledger, and the asset that is ours once it is', async () => {
    const terms = {
      bucket: 'purchased',
      credits: 100,
      expiresAt: null,
      reference: 'p',
      costBasis: { currency: 'USD', amountMinor: 500 },
    } as const;
    await world.open('acc_paid', 'free');
    await world.account('acc_paid', { type: 'GrantCredits', ...terms });
    // Beyond the allowance of 200 that nobody paid for.
    const brief = studio.taskBrief('bf_1', { promptId: 'pr_1', version: 1 });
    const taskId = await world.submit('acc_paid', { credits: 210, brief });
    await world.run(taskId);
    const clipId = await studio.clip(taskId, brief);
    await studio.move(clipId, 'review_pending');
    clock.at += HOUR_MS;
    const note = await sealed('acc_paid', { note: 'the label is wrong' });
    const said = { reasons: ['product_detail_wrong' as const], note: { $erasable: 'note' }, reviewMinutes: '2.5', person: 'reviewer:Ana' };
    await studio.move(clipId, 'rejected_accuracy', said, note);
    await harness.caughtUp();
    const clip = (await reads.clip(ALL, clipId)) as ClipView;
    expect(clip).toMatchObject({
      ...{
        id: clipId,
        taskId,
        accountId: 'acc_paid',
        briefId: 'bf_1',
        promptVersionId: 'pr_1@v1',
        state: 'rejected_accuracy',
        revision: 2,
      },
      ...{ reasons: ['product_detail_wrong'], reviewMinutes: 2.5, brandReviewMinutes: 0, creditsUsed: 210, possibleMoves: [] },
      ...{ generationCost: { currency: 'USD', amountMinor: 50 }, assetUrl: `https://assets.test/${taskId}.mp4` },
    });
    expect(clip.history.map(({ from, to, note: text, revision }) => [from, to, text, revision])).toEqual([
      [null, 'generated', null, 0],
      ['generated', 'review_pending', null, 1],
      ['review_pending', 'rejected_accuracy', 'the label is wrong', 2],
    ]);
    const asset = { index: 0, url: '/v1/assets/ab.mp4', sha256: 'a'.repeat(64), bytes: 9, mediaType: 'video/mp4', durationSeconds: '5' };
    const stored = [{ ...asset, width: 1, height: 1, late: false, sourceUrl: `https://assets.test/${taskId}.mp4` }];
    await world.task(taskId, { type: 'RecordAssets', stored, notStored: [] });
    await harness.caughtUp();
    expect(await reads.figures(ALL, clipId)).toEqual({
      ...{ assetUrl: '/v1/assets/ab.mp4', creditsUsed: 210, generationCost: { currency: 'USD', amountMinor: 50 } },
      generationCosts: [{ currency: 'USD', amountMinor: 50 }],
    });
    expect(await reads.clip({ tenant: 't1', accounts: ['acc_1'] }, clipId)).toBeNull();
    expect((await reads.clip({ tenant: 't1', accounts: ['acc_paid'] }, clipId))?.id).toBe(clipId);
  });

  it('keeps what the log said of it when it was imported, and lives on', async () => {
    await studio.import(LINE);
    await studio.import({ ...LINE, id: 'gen_43', status: 'generation_failed', rejection_reason: null, asset_url: null });
    await studio.import({ ...LINE, id: 'gen_44', status: 'review_pending', rejection_reason: null, prompt_id: '', prompt_version: '' });
    await studio.move('gen_44', 'approved_for_edit', { reviewMinutes: '0.1' });
    await harness.caughtUp();
    expect(await reads.clip(ALL, 'gen_00042')).toMatchObject({
      ...{ taskId: null, accountId: null, promptVersionId: 'pr_003@v2', state: 'rejected', reasons: ['product_detail_wrong'] },
      ...{
        creditsUsed: 42,
        generationCost: { currency: 'USD', amountMinor: 85 },
        createdAt: '2026-05-21T12:00:00.000Z',
        possibleMoves: [],
      },
    });
    expect(await reads.clip(ALL, 'gen_44')).toMatchObject({ promptVersionId: null, state: 'approved_for_edit', reviewMinutes: 3.1 });
    expect(await reads.clip(BOUND, 'gen_44')).toBeNull();
    const listed = (await reads.clips(ALL, { ...FIRST, briefId: 'bf_elsewhere' })).data.map(({ id }) => id);
    expect(listed).toEqual(['gen_44', 'gen_00042']);
    const failed = await reads.clips(ALL, { ...FIRST, state: 'generation_failed' });
    expect(failed.data.map(({ id }) => id)).toEqual(['gen_43']);
    const lines = [];
    for await (const batch of reads.attempts(ALL, { briefId: 'bf_elsewhere' })) lines.push(...batch);
    expect(lines.find(({ id }) => id === 'gen_00042')).toEqual(LINE);
    expect(lines.find(({ id }) => id === 'gen_44')).toMatchObject({ prompt_id: '', prompt_version: '', review_minutes: '3.1' });
  });

  it('is listed newest first, whatever is made meanwhile', async () => {
    await studio.brief('bf_many');
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      clock.at += 1_000;
      made.unshift(await generated('bf_many'));
    }
    await harness.caughtUp();
    const listed = await walk(
      (page) => reads.clips(ALL, { ...page, briefId: 'bf_many', model: 'kling-ai-5s' }),
      2,
      async () => {
        clock.at += 1_000;
        await generated('bf_many');
        await harness.caughtUp();
      },
    );
    expect(listed.map(({ id }) => id)).toEqual(made);
    expect((await reads.clips({ tenant: 't1', accounts: [] }, FIRST)).data).toEqual([]);
  });
});

describe('the review queue', () => {
  it('has what is of high risk first, then what waits longest, of clips that wait for a human', async () => {
    await studio.brief('bf_calm', { riskLevel: 'low' });
    await studio.brief('bf_hot', { riskLevel: 'high' });
    const waiting: Record<string, string> = {};
    for (const [name, briefId] of [
      ['calm', 'bf_calm'],
      ['hot', 'bf_hot'],
      ['calm2', 'bf_calm'],
      ['hot2', 'bf_hot'],
      ['done', 'bf_hot'],
    ] as const) {
      clock.at += HOUR_MS;
      const clipId = await generated(briefId);
      await studio.move(clipId, 'review_pending');
      waiting[name] = clipId;
    }
    await studio.move(waiting['done'] as string, 'approved_for_edit');
    await harness.caughtUp();
    const queue = (page: StudioPageQuery): Promise<StudioPage<ClipView>> => reads.reviewQueue(ALL, page);
    const names = (clips: ClipView[]): Array<string | undefined> =>
      clips.flatMap(({ id }) => Object.keys(waiting).filter((name) => waiting[name] === id));
    expect(names(await walk(queue, 1))).toEqual(['hot', 'hot2', 'calm', 'calm2']);
    expect(names((await reads.reviewQueue(ALL, { ...FIRST, briefId: 'bf_calm' })).data)).toEqual(['calm', 'calm2']);
    expect((await reads.reviewQueue(ALL, { ...FIRST, state: 'brand_review' })).data).toEqual([]);
    await studio.move(waiting['done'] as string, 'edited');
    await studio.move(waiting['done'] as string, 'brand_review');
    await harness.caughtUp();
    expect(names((await reads.reviewQueue(ALL, { ...FIRST, state: 'brand_review' })).data)).toEqual(['done']);
    expect((await reads.reviewQueue({ tenant: 't1', accounts: ['acc_2'] }, FIRST)).data).toEqual([]);
  });
});
