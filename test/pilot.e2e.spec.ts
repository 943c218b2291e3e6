// The pilot, by script, on a real server that is killed in the middle: from a brief to a report whose money is the ledger's, to the cent.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PostingView } from '#libs/finance';
import type { ReceiptView } from '#libs/settlement';
import type { ClipView, Report } from '#libs/studio';
import type { TaskView } from '#libs/tasks';
import { TestEventStoreDb } from './eventstoredb/test-server.js';
import { ADMIN_KEY, call, freePort, readAt, ServerProcess, type Reply } from './support/server-process.js';
import { until } from './support/until.js';

const BUDGET = 50;
const ACCOUNT = 'pilot-team';
const SCENE = { scene: 'a glass of iced tea on a counter' };
const TEMPLATE = 'Create a {{duration_seconds}} second {{format}} clip for {{channel}}. Scene: {{scene}}. Must include: {{must_include}}.';
const MODELS = ['kling-ai-5s', 'pika-basic'];
/** One in ten each: fails at a cost, is rejected without one, delivers a part. The rest deliver. */
const SIMULATED: Array<{
  outcome: string;
  afterMs?: number;
  deliveredFraction?: number;
  cost?: { currency: string; amountMinor: number };
}> = [
  { outcome: 'fail', afterMs: 60, cost: { currency: 'USD', amountMinor: 7 } },
  { outcome: 'reject' },
  { outcome: 'succeed', afterMs: 90, deliveredFraction: 0.37, cost: { currency: 'USD', amountMinor: 13 } },
  ...Array.from({ length: 7 }, () => ({ outcome: 'succeed', afterMs: 80, cost: { currency: 'USD', amountMinor: 31 } })),
];
const simulatedOf = (n: number): (typeof SIMULATED)[number] => SIMULATED[Math.floor(n / 2) % SIMULATED.length]!;
const DELIVERED = Array.from({ length: BUDGET }, (_, n) => simulatedOf(n)).filter(({ outcome }) => outcome === 'succeed').length;

/** What the provider asks for all of it, in cents. */
const PROVIDER_COST = sum(Array.from({ length: BUDGET }, (_, n) => simulatedOf(n).cost?.amountMinor ?? 0));

let dataDir: string;
let server: ServerProcess;
let log: TestEventStoreDb | null = null;

/** Either log: the other one keeps facts apart, and writes no two streams as one. */
async function start(eventStore: 'postgres' | 'eventstoredb'): Promise<void> {
  written = '';
  dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-pilot-'));
  // Root's PostgreSQL runs as another user, who has to be able to enter.
  chmodSync(dataDir, 0o711);
  log = eventStore === 'postgres' ? null : await TestEventStoreDb.start({ isKept: true });
  const store: Record<string, string> = log === null ? {} : { EVENT_STORE: eventStore, EVENTSTOREDB_URL: log.url };
  server = new ServerProcess(await freePort(), { DATA_DIR: dataDir, ...store });
  await server.start();
}

async function stop(): Promise<void> {
  await server.stop();
  await log?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** The furthest that was written. */
let written = '';
function noted(reply: Reply): Reply {
  const position = reply.headers.get('position') ?? '';
  if (position > written) written = position;
  return reply;
}

/** Until reads show everything that was written. */
async function shown(): Promise<void> {
  await readAt(server.url, `/v1/accounts/${ACCOUNT}/balance`, written);
}

async function must(method: string, path: string, body?: object): Promise<Reply['body']> {
  const reply = noted(await call(server.url, method, path, body));
  if (reply.status >= 400) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

/** Every row of a list. */
async function all<Row>(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const page = (await must('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200${cursor === null ? '' : `&cursor=${cursor}`}`)) as {
      data: Row[];
      nextCursor: string | null;
    };
    rows.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
}

const move = (clip: Pick<ClipView, 'id' | 'revision'>, to: string, also: object = {}): Promise<Reply> =>
  call(server.url, 'POST', `/v1/clips/${clip.id}/moves`, { to, revision: clip.revision, ...also });

async function moved(clip: Pick<ClipView, 'id' | 'revision'>, to: string, also: object = {}): Promise<ClipView> {
  const reply = noted(await move(clip, to, also));
  if (reply.status !== 200) throw new Error(`to ${to}: ${JSON.stringify(reply.body)}`);
  return reply.body as ClipView;
}

/** Answers the ids of its tasks, whatever the server did meanwhile: the same key gets the same tasks. */
async function generate(briefId: string, promptVersionId: string, from: number, count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({
    accountId: ACCOUNT,
    briefId,
    promptVersionId,
    model: MODELS[(from + n) % MODELS.length],
    parameters: { simulate: simulatedOf(from + n) },
  }));
  const key = { 'idempotency-key': `pilot-${from}` };
  const reply = await call(server.url, 'POST', '/v1/tasks/batch', { tasks }, key);
  expect(reply).toMatchObject({ status: 200 });
  const results = reply.body.results as Array<{ task?: TaskView; problem?: object }>;
  return results.map(({ task, problem }) => {
    if (task === undefined) throw new Error(JSON.stringify(problem));
    return task.id;
  });
}

async function settled(taskIds: readonly string[]): Promise<TaskView[]> {
  let tasks: TaskView[] = [];
  await until(
    async () => {
      const found = new Map((await all<TaskView>(`/v1/tasks?accountId=${ACCOUNT}`)).map((task) => [task.id, task]));
      tasks = taskIds.flatMap((id) => found.get(id) ?? []);
      if (tasks.length < taskIds.length) return false;
      return tasks.every(({ settlement, assets }) => settlement !== 'open' && assets.every(({ stored }) => stored));
    },
    {
      withinMs: 180_000,
      everyMs: 100,
      what: () => `every task to end with its assets stored: ${JSON.stringify(tasks.filter((task) => task.settlement === 'open'))}`,
    },
  );
  return tasks;
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}

describe.each(['postgres', 'eventstoredb'] as const)('a pilot of fifty generations, its log in %s', (eventStore) => {
  beforeAll(() => start(eventStore));
  afterAll(stop);

  it('ends in a report whose generation cost is what the ledger consumed for them, to the cent', async () => {
    // Two purchases at two prices, neither of which divides evenly, behind credits that were given away.
    await must('POST', '/v1/accounts', { id: ACCOUNT, name: 'Pilot team', plan: 'free' });
    for (const [credits, amountMinor] of [
      [1_001, 3_333],
      [2_003, 4_999],
    ] as const)
      await must('POST', `/v1/accounts/${ACCOUNT}/grants`, {
        bucket: 'purchased',
        credits,
        reference: `${credits}`,
        costBasis: { currency: 'USD', amountMinor },
      });
    await must('PUT', '/v1/benchmarks/agency', {
      costPerUsableClip: { currency: 'USD', amountMinor: 12_000 },
      qualityBar: { usableRate: '0.1' },
    });

    // The brief: high risk, so it takes two people, and two gates.
    const brief = await must('POST', '/v1/briefs', {
      accountId: ACCOUNT,
      channel: 'instagram_reel',
      format: 'social_broll',
      durationSeconds: 5,
      goal: 'support a post about a summer product launch',
      mustInclude: ['bright kitchen', 'morning light'],
      mustAvoid: ['visible logos'],
      riskLevel: 'high',
      consistencyRequirement: 'low',
      campaign: 'summer',
      attemptBudget: BUDGET,
      gates: ['brand_fit', 'product_accuracy'],
      autoReview: true,
    });
    expect(brief).toMatchObject({ state: 'draft_brief', suggestedUse: expect.stringMatching(/strict human review only/i) });
    const prompt = await must('POST', '/v1/prompts', { name: 'kitchen B-roll', template: TEMPLATE });
    const first = prompt.promptVersionId as string;
    const ready = await must('POST', `/v1/briefs/${brief.id}/ready`, { promptId: prompt.id, promptVersion: 1, variables: SCENE });
    expect(ready).toMatchObject({ state: 'prompt_ready', promptVersionId: first });

    // Half of the budget with the first version.
    const half = await generate(brief.id, first, 0, BUDGET / 2);
    const early = (await settled(half)).filter(({ status }) => status === 'completed').length;
    const second = (await must('POST', `/v1/prompts/${prompt.id}/versions`, { template: `${TEMPLATE} Close up, natural light.` }))
      .id as string;

    // The other half, and the server is killed while they are made: tasks under way, clips and copies half done.
    const other = await generate(brief.id, second, BUDGET / 2, BUDGET / 2);
    await until(async () => (await must('GET', `/v1/tasks?accountId=${ACCOUNT}&status=completed&limit=200`)).data.length >= early + 3);
    await server.kill();
    await server.start();
    expect(await generate(brief.id, second, BUDGET / 2, BUDGET / 2)).toEqual(other);
    const tasks = await settled([...half, ...other]);
    const delivered = tasks.filter(({ status }) => status === 'completed');
    expect(delivered).toHaveLength(DELIVERED);
    expect(tasks.filter(({ status }) => status === 'failed')).toHaveLength(BUDGET - delivered.length);
    expect(tasks.map(({ prompt: text }) => text)).toEqual(Array(BUDGET).fill(expect.stringContaining('a glass of iced tea on a counter')));
    const beyond = { accountId: ACCOUNT, briefId: brief.id, promptVersionId: second, model: MODELS[0] };
    expect(await call(server.url, 'POST', '/v1/tasks', beyond)).toMatchObject({
      status: 409,
      body: { code: 'attempt_budget_exhausted', attemptBudget: BUDGET, attemptsUsed: BUDGET },
    });

    // One clip each, no more and no fewer, which entered review once.
    let clips: ClipView[] = [];
    await until(async () => {
      clips = await all<ClipView>(`/v1/clips?briefId=${brief.id}`);
      return clips.length >= delivered.length && clips.every(({ revision }) => revision > 0);
    });
    expect(clips.map(({ taskId }) => taskId).sort()).toEqual(delivered.map(({ id }) => id).sort());
    for (const clip of clips) {
      expect(clip).toMatchObject({ state: 'review_pending', revision: 1 });
      expect(clip.history.map(({ to }) => to)).toEqual(['generated', 'review_pending']);
    }
    await areKept(clips, delivered);

    // Reviews. Every fourth is approved; the others say why they are not.
    const queue = await all<ClipView>(`/v1/review-queue?briefId=${brief.id}`);
    expect(new Set(queue.map(({ id }) => id))).toEqual(new Set(clips.map(({ id }) => id)));
    const [clip, ...others] = queue as [ClipView, ...ClipView[]];
    expect((await move(clip, 'rejected_quality')).status).toBe(400);
    expect(await move(clip, 'published')).toMatchObject({
      status: 409,
      body: { possibleMoves: expect.arrayContaining(['approved_for_edit']) },
    });
    const approved = [await moved(clip, 'approved_for_edit', { reviewMinutes: 4, reviewer: 'ada' })];
    expect(await move(clip, 'rejected_quality', { reasons: ['other'], note: 'too late' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    for (const [n, next] of others.entries()) {
      if (n % 4 === 3) approved.push(await moved(next, 'approved_for_edit', { reviewMinutes: 4, reviewer: 'ada' }));
      else if (n % 4 === 2)
        await moved(next, 'rejected_accuracy', { reasons: ['product_detail_wrong'], reviewMinutes: 3, reviewer: 'ada' });
      else await moved(next, 'rejected_quality', { reasons: ['prompt_not_followed'], reviewMinutes: 2.5, reviewer: 'ada' });
    }
    const edited = [];
    for (const each of approved) edited.push(await moved(each, 'edited', { editingMinutes: 12, reviewer: 'grace' }));

    // Four eyes and the gates, then out it goes; the last one is sent back and rejected.
    const branded = [];
    for (const each of edited) branded.push(await moved(each, 'brand_review'));
    const gates = { brand_fit: true, product_accuracy: true };
    const usable: ClipView[] = [];
    const [one, ...more] = branded as [ClipView, ...ClipView[]];
    expect((await move(one, 'approved_to_publish', { gates, reviewer: ' ADA ' })).status).toBe(403);
    expect(await move(one, 'approved_to_publish', { gates: { brand_fit: true }, reviewer: 'grace' })).toMatchObject({
      status: 409,
      body: { missingGates: ['product_accuracy'] },
    });
    const last = more.pop()!;
    const revised = await moved(
      await moved(last, 'needs_revision', { reasons: ['brand_mismatch'], brandReviewMinutes: 1, reviewer: 'grace' }),
      'edited',
    );
    await moved(await moved(revised, 'brand_review'), 'rejected_brand_fit', { reasons: ['brand_mismatch'], reviewer: 'grace' });
    for (const each of [one, ...more])
      usable.push(await moved(each, 'approved_to_publish', { gates, brandReviewMinutes: 2, reviewer: 'grace' }));
    const scheduled = await moved(usable[0]!, 'scheduled', { scheduledAt: '2027-01-04T09:00:00Z' });
    const published = [
      await moved(scheduled, 'published'),
      await moved(usable[1]!, 'published', { publishedUrl: 'https://example.com/reel/2' }),
    ];
    await must('POST', `/v1/clips/${published[0]!.id}/performance`, { note: 'saved twice as often', views: 4_100, clicks: 92 });

    // Goodwill on one task lowers what the ledger consumed, and the report with it.
    await must('POST', `/v1/tasks/${delivered[0]!.id}/refunds`, { credits: 11, reason: 'a kindness' });
    await shown();
    const ledger = await ledgerOf(tasks);
    expect(ledger.unpriced).toBeGreaterThan(0);
    expect(ledger.costMinor % 100).not.toBe(0);

    const asked = `/v1/reports/cost-per-usable-clip?briefId=${brief.id}&hourlyRateMinor=6000&benchmark=agency`;
    const report = (await must('GET', asked)) as Report;
    const minutes = sum(
      (await all<ClipView>(`/v1/clips?briefId=${brief.id}`)).map(
        (each) => each.reviewMinutes + each.brandReviewMinutes + each.editingMinutes,
      ),
    );
    expect(minutes).toBe(report.reviewMinutes + report.brandReviewMinutes + report.editingMinutes);
    expect(report).toMatchObject({
      totalGenerations: BUDGET,
      usableClips: usable.length,
      publishedClips: published.length,
      generationCost: { currency: 'USD', amountMinor: ledger.costMinor },
      creditsUsed: ledger.credits,
      unpricedCredits: ledger.unpriced,
      humanCost: { currency: 'USD', amountMinor: Math.round(minutes * 100) },
      totalCost: { currency: 'USD', amountMinor: ledger.costMinor + Math.round(minutes * 100) },
      costPerUsableClip: { amountMinor: Math.round((ledger.costMinor + minutes * 100) / usable.length) },
      costPerPublishedClip: { amountMinor: Math.round((ledger.costMinor + minutes * 100) / published.length) },
      verdict: 'meets',
    });
    expect(report.rejectionReasons).toMatchObject({
      product_detail_wrong: expect.any(Number),
      prompt_not_followed: expect.any(Number),
      brand_mismatch: 1,
    });

    // The provider's side is what the receipts name, failures included.
    let receipts: ReceiptView[] = [];
    let providerCost = 0;
    // It is booked after the charge.
    await until(
      async () => {
        receipts = await Promise.all(tasks.map(({ id }) => must('GET', `/v1/tasks/${id}/receipt`) as Promise<ReceiptView>));
        providerCost = sum(receipts.flatMap((receipt) => receipt.providerCost.map(({ amountMinor }) => amountMinor)));
        return providerCost >= PROVIDER_COST;
      },
      { what: () => `the provider's costs: ${providerCost} of ${PROVIDER_COST}` },
    );
    expect(sum(receipts.map(({ charged }) => charged))).toBe(ledger.credits);
    const provider = (await must('GET', `${asked}&costSource=provider`)) as Report;
    expect(provider.generationCost).toEqual({ currency: 'USD', amountMinor: providerCost });
    expect(providerCost).toBe(PROVIDER_COST);

    // By version of the prompt it is the same, split in two.
    const groups = ((await must('GET', `${asked}&groupBy=promptVersion`)) as Report).groups;
    expect(groups.map(({ key, totalGenerations }) => [key, totalGenerations])).toEqual([
      [first, BUDGET / 2],
      [second, BUDGET / 2],
    ]);
    expect(sum(groups.map(({ generationCost }) => generationCost.amountMinor))).toBe(ledger.costMinor);
  }, 600_000);
});

/** What the journal says of these tasks: what was earned by them, and the credits that no money was paid for. */
async function ledgerOf(tasks: readonly TaskView[]): Promise<{ costMinor: number; credits: number; unpriced: number }> {
  const ours = new Set(tasks.map(({ id }) => id));
  const response = await fetch(`${server.url}/v1/journal/export`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  const postings = lines.map((line) => JSON.parse(line) as PostingView).filter(({ taskId }) => taskId !== null && ours.has(taskId));
  const on = (prefix: string, commodity: string): PostingView[] =>
    postings.filter((posting) => posting.account.startsWith(prefix) && posting.commodity === commodity);
  const grants = await all<{ id: string; consumed: number; costBasis: object | null }>(`/v1/accounts/${ACCOUNT}/grants`);
  return {
    costMinor: -sum(on('revenue:usage', 'USD').map(({ amount }) => amount)),
    credits: sum(on('consumed:', 'CREDIT').map(({ amount }) => amount)),
    unpriced: sum(grants.filter(({ costBasis }) => costBasis === null).map(({ consumed }) => consumed)),
  };
}

/** A process each. */
const PROBED_MAX = 4;

/** Our own copies, which anybody who knows the URL can play. */
async function areKept(clips: readonly ClipView[], tasks: readonly TaskView[]): Promise<void> {
  const urls = new Map(tasks.map((task) => [task.id, task.assets[0]!.url]));
  for (const { taskId, assetUrl } of clips) {
    expect(assetUrl).toMatch(/^\/v1\/assets\/[0-9a-f]{64}\.mp4$/);
    expect(assetUrl).toBe(urls.get(taskId!));
  }
  const file = join(dataDir, 'seen.mp4');
  for (const [index, url] of [...new Set(urls.values())].entries()) {
    const response = await fetch(new URL(url, server.url));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('video/mp4');
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    if (index >= PROBED_MAX || !hasFfprobe()) continue;
    const seen = execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_type,width', '-of', 'csv=p=0', file]).toString();
    expect(seen).toMatch(/^video,[1-9]/);
  }
}

function hasFfprobe(): boolean {
  try {
    execFileSync('ffprobe', ['-version']);
    return true;
  } catch {
    return false;
  }
}
