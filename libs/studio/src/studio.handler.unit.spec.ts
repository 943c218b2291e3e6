// The studio's commands through the real bus, sessions, idempotency and a store in memory: what clients are answered, the first time and ever after.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isRefusal, type JsonObject } from '#libs/kernel';
import { NO_STREAM, processMeta, tenantStream, type RequestContext, type WriteResult } from '#libs/event-store';
import type { TaskBrief } from '#libs/tasks';
import {
  AddPromptVersion,
  clipGeneratedFacts,
  clipNewFacts,
  CreateBrief,
  CreatePrompt,
  MoveClip,
  MovePromptLabel,
  NoteClipPerformance,
  ReadyBrief,
  SetBenchmark,
  type BriefInput,
  type BriefView,
  type ClipView,
  type MoveInput,
} from '#libs/studio';
import { BRIEF, START, StudioWorld, TEMPLATE, TENANT, VARIABLES } from './testing/studio-world.js';

let world: StudioWorld;
beforeEach(async () => {
  world = await new StudioWorld().start();
});
afterEach(() => world.stop());

const code = (result: WriteResult<unknown>): string => (result.ok ? 'ok' : result.code);
const fieldsOf = (result: WriteResult<unknown>): JsonObject => (result.ok ? {} : (result.fields ?? {}));
const pointers = (result: unknown): string[] =>
  ((isRefusal(result) ? (result.fields?.['errors'] ?? []) : []) as Array<{ pointer: string }>).map((error) => error.pointer);

const brief = (input: Partial<BriefInput> = {}, context: Partial<RequestContext> = {}): Promise<BriefView> =>
  world.done(new CreateBrief(world.context(context), { ...BRIEF, ...input }));
const prompt = (template = TEMPLATE, id = 'pr_003') => world.done(new CreatePrompt(world.context(), { id, name: 'Kitchen', template }));

describe('a brief', () => {
  it('answers with what was asked, and what it is fit for', async () => {
    const view = await brief({ id: 'bf_2025_001', gates: ['final_approval', 'brand_fit'], campaign: 'summer', attemptBudget: 50 });
    expect(view).toEqual({
      ...BRIEF,
      id: 'bf_2025_001',
      accountId: null,
      state: 'draft_brief',
      suggestedUse: 'good production test',
      campaign: 'summer',
      paid: false,
      sensitiveCategories: [],
      attemptBudget: 50,
      attemptsUsed: 0,
      gates: ['brand_fit', 'final_approval'],
      autoReview: false,
      promptId: null,
      promptVersion: null,
      promptVersionId: null,
      variables: {},
      createdAt: START,
      revision: 0,
      position: await world.store.head(),
    });
  });

  it('keeps its texts sealed, and its words readable in the log', async () => {
    const { id } = await brief();
    const [fact] = await world.store.readStream(tenantStream('brief', TENANT, id));
    expect(JSON.stringify(fact)).not.toContain('summer product');
    expect(JSON.stringify(fact)).not.toContain('bright kitchen');
    expect(fact?.data).toMatchObject({ channel: 'instagram_reel', durationSeconds: '6', goal: { $erasable: expect.any(String) } });
  });

  it('answers the same under the same key, for good, and refuses the key for another brief', async () => {
    const keyed = (input: BriefInput): CreateBrief =>
      new CreateBrief(world.context({ idempotencyKey: 'once', path: '/v1/briefs', body: { ...input } as unknown as JsonObject }), input);
    const first = await world.do(keyed(BRIEF));
    if (!first.ok) throw new Error(first.detail);
    await prompt('{{goal}}');
    await world.done(new ReadyBrief(world.context(), first.view.id, { promptId: 'pr_003', promptVersion: 1 }));
    expect(await world.do(keyed(BRIEF))).toEqual({ ...first, replayed: true });
    const elsewhere = await new StudioWorld(world.log, world.vault).start();
    expect(await elsewhere.do(keyed(BRIEF))).toEqual({ ...first, replayed: true });
    expect(code(await world.do(keyed({ ...BRIEF, goal: 'another' })))).toBe('idempotency_key_reused');
    expect(code(await world.do(keyed({ ...BRIEF, channel: 'another' })))).toBe('idempotency_key_reused');
    await elsewhere.stop();
  });

  it('has an id of its own, once', async () => {
    await brief({ id: 'bf_1' });
    expect(code(await world.do(new CreateBrief(world.context(), { ...BRIEF, id: 'bf_1' })))).toBe('already_exists');
    expect((await brief()).id).toMatch(/^brief_[0-9a-f]{32}$/);
  });

  it('is for an account that exists and that the key may see', async () => {
    const missing = await world.do(new CreateBrief(world.context(), { ...BRIEF, accountId: 'acc_1' }));
    expect(code(missing)).toBe('not_found');
    await world.openAccount('acc_1');
    const view = await brief({ id: 'mine', accountId: 'acc_1' });
    expect(view).toMatchObject({ accountId: 'acc_1', goal: BRIEF.goal });
    const bound = { accounts: ['acc_2'] };
    expect(code(await world.do(new CreateBrief(world.context(bound), { ...BRIEF, accountId: 'acc_1' })))).toBe('not_found');
    expect(pointers(await world.do(new CreateBrief(world.context(bound), BRIEF)))).toEqual(['/accountId']);
    await prompt('{{goal}}');
    const ready = (accounts: string[]) => new ReadyBrief(world.context({ accounts }), 'mine', { promptId: 'pr_003', promptVersion: 1 });
    expect(code(await world.do(ready(['acc_2'])))).toBe('not_found');
    expect(code(await world.do(ready(['acc_1'])))).toBe('ok');
  });

  it('of a customer who was forgotten has no texts any more, and still its words', async () => {
    await world.openAccount('acc_1');
    const { id } = await brief({ accountId: 'acc_1' });
    await world.keys.erase(TENANT, 'acc_1');
    await prompt('{{channel}}');
    const view = await world.done(new ReadyBrief(world.context(), id, { promptId: 'pr_003', promptVersion: 1 }));
    expect(view).toMatchObject({ goal: null, mustInclude: [], mustAvoid: [], channel: 'instagram_reel' });
  });
});

describe('a brief that is made ready', () => {
  it('names a version that renders, and the variables of its tasks', async () => {
    const { id } = await brief();
    await prompt();
    const view = await world.done(new ReadyBrief(world.context(), id, { promptId: 'pr_003', promptVersion: 1, variables: VARIABLES }));
    expect(view).toMatchObject({
      state: 'prompt_ready',
      promptId: 'pr_003',
      promptVersion: 1,
      promptVersionId: 'pr_003@v1',
      variables: VARIABLES,
      revision: 1,
    });
    const facts = await world.store.readStream(tenantStream('brief', TENANT, id));
    expect(JSON.stringify(facts)).not.toContain('slow push in');
  });

  it('takes a label for the version that it points at now', async () => {
    const { id } = await brief();
    await prompt('one {{goal}}');
    await world.done(new AddPromptVersion(world.context(), 'pr_003', { template: 'two {{goal}}' }));
    await world.done(new MovePromptLabel(world.context(), 'pr_003', 'production', { version: 2 }));
    const keyed = world.context({ idempotencyKey: 'ready', path: '/ready', body: { promptId: 'pr_003', promptVersion: 'production' } });
    const ready = new ReadyBrief(keyed, id, { promptId: 'pr_003', promptVersion: 'production' });
    const first = await world.do(ready);
    expect(first).toMatchObject({ ok: true, view: { promptVersion: 2 } });
    await world.done(new AddPromptVersion(world.context(), 'pr_003', { template: 'three {{needs_more}}' }));
    await world.done(new MovePromptLabel(world.context(), 'pr_003', 'production', { version: 3 }));
    expect(await world.do(ready)).toEqual({ ...first, replayed: true });
  });

  it('is refused where a variable is missing, unknown or the brief’s own, with its name', async () => {
    const { id } = await brief();
    await prompt();
    const ready = (variables: JsonObject) =>
      world.do(new ReadyBrief(world.context(), id, { promptId: 'pr_003', promptVersion: 1, variables }));
    expect(pointers(await ready({ mood: 'calm', camera_direction: 'still' }))).toEqual(['/variables/scene']);
    expect(pointers(await ready({ ...VARIABLES, weather: 'sunny' }))).toEqual(['/variables/weather']);
    expect(pointers(await ready({ ...VARIABLES, must_include: ['x'] }))).toEqual(['/variables/must_include']);
    expect(pointers(await ready({ ...VARIABLES, scene: null }))).toEqual(['/variables/scene']);
  });

  it('needs a prompt, a version and a brief that are there', async () => {
    const { id } = await brief();
    await prompt();
    const ready = async (briefId: string, promptId: string, promptVersion: number | string) =>
      code(await world.do(new ReadyBrief(world.context(), briefId, { promptId, promptVersion, variables: VARIABLES })));
    expect(await ready(id, 'nothing', 1)).toBe('not_found');
    expect(await ready(id, '../etc', 1)).toBe('not_found');
    expect(await ready(id, 'pr_003', 2)).toBe('not_found');
    expect(await ready(id, 'pr_003', 'production')).toBe('not_found');
    expect(await ready('nothing', 'pr_003', 1)).toBe('not_found');
    expect(await ready(id, 'pr_003', 'v1')).toBe('ok');
  });
});

describe('a prompt', () => {
  it('keeps every version as it was said, and moves its labels between them', async () => {
    expect(await prompt('one {{goal}}')).toMatchObject({ id: 'pr_003', name: 'Kitchen', version: 1, template: 'one {{goal}}', labels: {} });
    const second = await world.done(new AddPromptVersion(world.context(), 'pr_003', { template: 'two {{scene}} {{goal}}' }));
    expect(second).toMatchObject({ promptId: 'pr_003', version: 2, id: 'pr_003@v2', variables: ['scene', 'goal'] });
    const labelled = await world.done(new MovePromptLabel(world.context(), 'pr_003', 'production', { version: 1 }));
    expect(labelled).toMatchObject({ version: 2, labels: { production: 1 }, versions: [{ template: 'one {{goal}}' }, { version: 2 }] });
    const head = await world.store.head();
    expect(await world.done(new MovePromptLabel(world.context(), 'pr_003', 'production', { version: 1 }))).toEqual(labelled);
    expect(await world.store.head()).toBe(head);
    expect(await world.done(new MovePromptLabel(world.context(), 'pr_003', 'production', { version: 2 }))).toMatchObject({
      labels: { production: 2 },
    });
  });

  it('answers the same under the same key when it has moved on since', async () => {
    const input = { name: 'Kitchen', template: 'one {{goal}}' };
    const keyed = new CreatePrompt(world.context({ idempotencyKey: 'p', path: '/v1/prompts', body: input }), input);
    const first = await world.do(keyed);
    if (!first.ok) throw new Error(first.detail);
    const add = { template: 'two' };
    const added = new AddPromptVersion(world.context({ idempotencyKey: 'v', path: '/v', body: add }), first.view.id, add);
    const second = await world.do(added);
    await world.done(new AddPromptVersion(world.context(), first.view.id, { template: 'three' }));
    expect(await world.do(keyed)).toEqual({ ...first, replayed: true });
    expect(await world.do(added)).toEqual({ ...second, replayed: true });
  });

  it('is refused with a malformed template, a taken id, or a label that is none', async () => {
    await prompt('fine');
    const create = (template: string, id = 'pr_4') => world.do(new CreatePrompt(world.context(), { id, name: 'x', template }));
    expect(pointers(await create('an {{open'))).toEqual(['/template']);
    expect(pointers(await create('{{not a name}}'))).toEqual(['/template']);
    expect(code(await create('fine', 'pr_003'))).toBe('already_exists');
    expect(pointers(await world.do(new AddPromptVersion(world.context(), 'pr_003', { template: '{{}}' })))).toEqual(['/template']);
    expect(code(await world.do(new AddPromptVersion(world.context(), 'nothing', { template: 'fine' })))).toBe('not_found');
    const label = async (name: string, version: number) =>
      code(await world.do(new MovePromptLabel(world.context(), 'pr_003', name, { version })));
    expect(await label('v2', 1)).toBe('validation_failed');
    expect(await label('', 1)).toBe('validation_failed');
    expect(await label('production', 2)).toBe('not_found');
  });

  it('is the tenant’s: a key that is bound to accounts does not change it', async () => {
    await prompt('fine');
    const bound = world.context({ accounts: ['acc_1'] });
    expect(code(await world.do(new CreatePrompt(bound, { name: 'x', template: 'y' })))).toBe('forbidden');
    expect(code(await world.do(new AddPromptVersion(bound, 'pr_003', { template: 'y' })))).toBe('forbidden');
    expect(code(await world.do(new MovePromptLabel(bound, 'pr_003', 'production', { version: 1 })))).toBe('forbidden');
  });
});

describe('rendering', () => {
  it('fills the article’s template in from the article’s brief', async () => {
    const { id } = await brief();
    await prompt();
    expect(await world.rendering.render(TENANT, null, 'pr_003', 1, { briefId: id, variables: VARIABLES })).toEqual({
      text: `Create a 6 second social_broll clip for instagram_reel.
Scene: a bright kitchen.
Mood: calm.
Camera: slow push in.
Must include: bright kitchen, morning light and refreshing mood.
Must avoid: visible logos, people drinking alcohol and incorrect product packaging.
No text overlays. No logos. No recognizable public figures.`,
      promptId: 'pr_003',
      version: 1,
      briefRevision: 0,
    });
  });

  it('takes the variables given at ready where none are given, as far as the version knows them', async () => {
    const { id } = await brief();
    await prompt();
    await world.done(new ReadyBrief(world.context(), id, { promptId: 'pr_003', promptVersion: 1, variables: VARIABLES }));
    await world.done(new AddPromptVersion(world.context(), 'pr_003', { template: 'Only {{scene}}' }));
    expect(await world.rendering.render(TENANT, null, 'pr_003', 'v2', { briefId: id })).toMatchObject({
      text: 'Only a bright kitchen',
      version: 2,
      briefRevision: 1,
    });
    expect(pointers(await world.rendering.render(TENANT, null, 'pr_003', 2, { briefId: id, variables: {} }))).toEqual(['/variables/scene']);
  });

  it('needs all of the variables where there is no brief', async () => {
    await prompt('{{goal}} {{scene}}');
    expect(await world.rendering.render(TENANT, null, 'pr_003', 1, { variables: { goal: 'a', scene: ['b', 'c', 'd'] } })).toMatchObject({
      text: 'a b, c and d',
      briefRevision: null,
    });
    expect(pointers(await world.rendering.render(TENANT, null, 'pr_003', 1))).toEqual(['/variables/goal', '/variables/scene']);
  });

  it('shows a bound key nothing but for a brief of its own', async () => {
    await world.openAccount('acc_1');
    const { id } = await brief({ accountId: 'acc_1' });
    await prompt('{{goal}}');
    const render = (accounts: string[], briefId?: string) => world.rendering.render(TENANT, accounts, 'pr_003', 1, { briefId });
    expect(await render(['acc_1'], id)).toMatchObject({ text: BRIEF.goal });
    expect(await render(['acc_2'], id)).toMatchObject({ code: 'not_found' });
    expect(await render(['acc_1'])).toMatchObject({ code: 'not_found' });
    expect(await world.rendering.render('another', null, 'pr_003', 1, { briefId: id })).toMatchObject({ code: 'not_found' });
  });
});

describe('a clip', () => {
  const taskBrief = (briefId: string, changes: Partial<TaskBrief> = {}): TaskBrief => ({
    ...{
      briefId,
      briefRevision: 0,
      promptId: 'pr_003',
      promptVersion: 2,
      promptVersionId: 'pr_003@v2',
      budgeted: false,
      autoReview: false,
    },
    ...changes,
  });

  const generate = async (taskId: string, of: TaskBrief, accountId = 'acc_1'): Promise<string> => {
    const asset = { url: 'https://cdn.test/a.mp4', mediaType: 'video/mp4', durationSeconds: '6' };
    const facts = clipGeneratedFacts({ taskId, accountId, brief: of, model: 'kling-ai-5s', asset, at: world.now });
    const clipId = facts[0]!.data.clipId;
    const stream = tenantStream('clip', TENANT, clipId);
    const meta = processMeta(TENANT, 'orchestrator', null);
    expect((await world.store.append({ meta, appends: [{ stream, expectedRevision: NO_STREAM, facts: clipNewFacts(facts) }] })).ok).toBe(
      true,
    );
    return clipId;
  };
  const move = (clipId: string, input: MoveInput, context: Partial<RequestContext> = {}): Promise<WriteResult<ClipView>> =>
    world.do(new MoveClip(world.context(context), clipId, input));

  it('goes from generated to published, with everything that was said on the way', async () => {
    const { id } = await brief({ gates: ['brand_fit', 'logos'], riskLevel: 'high' });
    const clipId = await generate('task_1', taskBrief(id));
    expect(clipId).toBe('clip_1');
    const ben = { actor: 'key_ben' };
    await move(clipId, { to: 'review_pending', revision: 0 });
    await move(clipId, { to: 'approved_for_edit', revision: 1, reviewMinutes: 3.1 });
    await move(clipId, { to: 'edited', revision: 2, editingMinutes: 12 });
    await move(clipId, { to: 'brand_review', revision: 3 });
    const revise: MoveInput = { to: 'needs_revision', revision: 4, reasons: ['needs_editing'], note: 'cut the end', brandReviewMinutes: 2 };
    expect(await move(clipId, revise, ben)).toMatchObject({ view: { state: 'needs_revision', reasons: ['needs_editing'] } });
    await move(clipId, { to: 'edited', revision: 5, editingMinutes: 0.2 });
    await move(clipId, { to: 'brand_review', revision: 6 });
    const approve: MoveInput = { to: 'approved_to_publish', revision: 7, reviewMinutes: 0.2, gates: { brand_fit: true } };
    const ungated = await move(clipId, approve, ben);
    expect(ungated).toMatchObject({ code: 'conflict', fields: { missingGates: ['logos'] } });
    approve.gates = { brand_fit: true, logos: true };
    expect(code(await move(clipId, approve))).toBe('forbidden');
    expect(await move(clipId, approve, ben)).toMatchObject({ view: { state: 'approved_to_publish', reasons: [], reviewMinutes: 3.3 } });
    expect(pointers(await move(clipId, { to: 'published', revision: 8 }))).toEqual(['/publishedUrl']);
    const scheduled = await move(clipId, { to: 'scheduled', revision: 8, scheduledAt: '2026-12-01T09:00:00+01:00' });
    expect(scheduled).toMatchObject({ view: { scheduledAt: '2026-12-01T08:00:00.000Z', possibleMoves: ['published'] } });
    const published = await move(clipId, { to: 'published', revision: 9, publishedUrl: 'https://social.test/p/1' });
    if (!published.ok) throw new Error(published.detail);
    expect(published.view).toMatchObject({
      id: 'clip_1',
      taskId: 'task_1',
      accountId: 'acc_1',
      briefId: id,
      promptVersionId: 'pr_003@v2',
      assetUrl: 'https://cdn.test/a.mp4',
      state: 'published',
      revision: 10,
      reviewMinutes: 3.3,
      brandReviewMinutes: 2,
      editingMinutes: 12.2,
      publishedUrl: 'https://social.test/p/1',
      possibleMoves: [],
    });
    const facts = await world.store.readStream(tenantStream('clip', TENANT, clipId));
    expect(facts.map(({ type }) => type).slice(-3)).toEqual(['ClipApproved', 'ClipScheduled', 'ClipPublished']);
    expect(published.view.history.map(({ to, position }) => [to, position])).toEqual([
      ['generated', facts[0]?.position],
      ...facts.slice(1).map(({ data, position }) => [data['to'], position]),
    ]);
    expect(published.view.history[5]).toMatchObject({ note: 'cut the end', person: 'key_ben' });
    expect(JSON.stringify(facts)).not.toContain('cut the end');
  });

  it('that was made for a brief with autoReview waits for review by itself', async () => {
    const { id } = await brief({ autoReview: true });
    const clipId = await generate('task_2', taskBrief(id, { autoReview: true }));
    const view = await world.done(new MoveClip(world.context(), clipId, { to: 'rejected_quality', revision: 1, reasons: ['too_generic'] }));
    expect(view.history.map(({ from, to, person }) => [from, to, person])).toEqual([
      [null, 'generated', 'orchestrator'],
      ['generated', 'review_pending', 'orchestrator'],
      ['review_pending', 'rejected_quality', 'key_ana'],
    ]);
  });

  it('answers a stale or impossible decision with the moves that there are, and changes nothing', async () => {
    const { id } = await brief();
    const clipId = await generate('task_3', taskBrief(id));
    await move(clipId, { to: 'review_pending', revision: 0 });
    const head = await world.store.head();
    const possibleMoves = ['approved_for_edit', 'rejected_quality', 'rejected_accuracy', 'rejected_rights_risk'];
    for (const wrong of [
      { to: 'approved_for_edit', revision: 0 },
      { to: 'published', revision: 1, publishedUrl: 'https://x.test' },
    ] as MoveInput[]) {
      const refused = await move(clipId, wrong);
      expect([code(refused), fieldsOf(refused)]).toEqual(['conflict', { state: 'review_pending', revision: 1, possibleMoves }]);
    }
    expect(await world.store.head()).toBe(head);
  });

  it('answers a repeated decision as it did the first time, whatever came after', async () => {
    const { id } = await brief();
    const clipId = await generate('task_4', taskBrief(id));
    const input: MoveInput = { to: 'review_pending', revision: 0, note: 'please look' };
    const keyed = { idempotencyKey: 'move', path: '/moves', body: { ...input } as unknown as JsonObject };
    const first = await move(clipId, input, keyed);
    await move(clipId, { to: 'approved_for_edit', revision: 1 });
    expect(await move(clipId, input, keyed)).toEqual({ ...first, replayed: true });
    expect(code(await move(clipId, { ...input, note: 'another' }, { ...keyed, body: { ...input, note: 'another' } }))).toBe(
      'idempotency_key_reused',
    );
  });

  it('of two decisions at once takes one', async () => {
    const { id } = await brief();
    const clipId = await generate('task_5', taskBrief(id));
    const elsewhere = await new StudioWorld(world.log, world.vault).start();
    await move(clipId, { to: 'review_pending', revision: 0 });
    const results = await Promise.all([
      move(clipId, { to: 'approved_for_edit', revision: 1 }),
      elsewhere.do(new MoveClip(world.context(), clipId, { to: 'rejected_quality', revision: 1, reasons: ['too_generic'] })),
      move(clipId, { to: 'rejected_accuracy', revision: 1, reasons: ['product_detail_wrong'] }),
    ]);
    expect(results.map(code).sort()).toEqual(['conflict', 'conflict', 'ok']);
    await elsewhere.stop();
  });

  it('is there for keys of its account, and of its tenant', async () => {
    const { id } = await brief();
    const clipId = await generate('task_6', taskBrief(id));
    expect(code(await move(clipId, { to: 'review_pending', revision: 0 }, { accounts: ['acc_2'] }))).toBe('not_found');
    expect(code(await move(clipId, { to: 'review_pending', revision: 0 }, { tenant: 'another' }))).toBe('not_found');
    expect(code(await move('clip_nothing', { to: 'review_pending', revision: 0 }))).toBe('not_found');
    expect(code(await move(clipId, { to: 'review_pending', revision: 0 }, { accounts: ['acc_1'] }))).toBe('ok');
  });

  it('has a performance once it is published', async () => {
    const { id } = await brief();
    const clipId = await generate('task_7', taskBrief(id));
    const note = (input: NoteClipPerformance['input']) => world.do(new NoteClipPerformance(world.context(), clipId, input));
    expect(code(await note({ views: 10 }))).toBe('conflict');
    const path = ['review_pending', 'approved_for_edit', 'edited', 'brand_review', 'approved_to_publish', 'published'] as const;
    for (const [revision, to] of path.entries())
      expect(code(await move(clipId, { to, revision, ...(to === 'published' ? { publishedUrl: 'https://x.test/1' } : {}) }))).toBe('ok');
    expect(pointers(await note({}))).toEqual(['']);
    expect(pointers(await note({ views: -1, clicks: 1.5 }))).toEqual(['/views', '/clicks']);
    expect(await note({ note: 'did well', views: 1_200, clicks: 40, spendMinor: 500, reviewer: ' Ben ' })).toMatchObject({
      view: {
        state: 'published',
        performance: [{ note: 'did well', views: 1_200, clicks: 40, spendMinor: 500, person: 'reviewer:Ben' }],
      },
    });
  });
});

describe('a benchmark', () => {
  it('is what was said last, and the same again changes nothing', async () => {
    const set = (usableRate: string, amountMinor = 5_000, name = 'studio-2026') =>
      world.do(
        new SetBenchmark(world.context(), name, { costPerUsableClip: { currency: 'USD', amountMinor }, qualityBar: { usableRate } }),
      );
    expect(await set('0.150')).toMatchObject({
      ok: true,
      view: { name: 'studio-2026', costPerUsableClip: { currency: 'USD', amountMinor: 5_000 }, qualityBar: { usableRate: '0.15' } },
    });
    const head = await world.store.head();
    expect(await set('0.15')).toMatchObject({ ok: true, position: head });
    expect(await set('0.2')).toMatchObject({ view: { qualityBar: { usableRate: '0.2' } } });
    expect(pointers(await set('1.1', -1))).toEqual(['/costPerUsableClip/amountMinor', '/qualityBar/usableRate']);
    expect(pointers(await set('0.1', 1, '../x'))).toEqual(['/name']);
  });
});
