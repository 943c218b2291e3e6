// What submitting a task asks of its brief: a prompt that renders, and an attempt of a budget that no crash and no crowd can stretch or shrink.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isRefusal, newCommandId } from '#libs/kernel';
import { processMeta, tenantStream, type CommandMeta } from '#libs/event-store';
import { AddPromptVersion, CreateBrief, CreatePrompt, ReadyBrief, type BriefInput, type BriefView } from '#libs/studio';
import { until } from '../../../test/support/until.js';
import { BRIEF, StudioWorld, TEMPLATE, TENANT, VARIABLES } from './testing/studio-world.js';

let world: StudioWorld;
beforeEach(async () => {
  world = await new StudioWorld().start();
});
afterEach(() => world.stop());

const GRACE_MS = 15_000;
const meta = (): CommandMeta => processMeta(TENANT, 'key_1', null);
const make = (input: Partial<BriefInput> = {}): Promise<BriefView> => world.done(new CreateBrief(world.context(), { ...BRIEF, ...input }));
const tasks = (count: number): string[] => Array.from({ length: count }, () => `task_${newCommandId()}`);
const take = async (briefId: string, taskIds: string[], on = world): Promise<string> =>
  (await on.briefs.take(meta(), briefId, taskIds))?.code ?? 'taken';
const open = (taskId: string, briefId: string): Promise<void> =>
  world.write(tenantStream('task', TENANT, taskId), 'TaskSubmitted', { taskId, brief: { briefId } });

describe('the prompt of a task', () => {
  const resolve = (wish: {
    briefId: string;
    accounts?: string[];
    accountId?: string;
    promptVersionId?: string;
    variables?: Record<string, string>;
  }) => world.briefs.resolve(TENANT, { accountId: 'acc_1', ...wish });

  it('is rendered from the version, the brief and the task’s variables', async () => {
    const { id } = await make({ attemptBudget: 5, autoReview: true });
    await world.done(new CreatePrompt(world.context(), { id: 'pr_1', name: 'x', template: 'Six: {{duration_seconds}}, {{scene}}' }));
    expect(await resolve({ briefId: id, promptVersionId: 'pr_1@v1', variables: { scene: 'a kitchen' } })).toEqual({
      brief: {
        ...{ briefId: id, briefRevision: 0, promptId: 'pr_1', promptVersion: 1, promptVersionId: 'pr_1@v1' },
        ...{ budgeted: true, autoReview: true },
      },
      prompt: 'Six: 6, a kitchen',
      variables: { scene: 'a kitchen' },
    });
  });

  it('takes the variables given at ready, as far as its version knows them', async () => {
    const { id } = await make();
    await world.done(new CreatePrompt(world.context(), { id: 'pr_1', name: 'x', template: TEMPLATE }));
    await world.done(new ReadyBrief(world.context(), id, { promptId: 'pr_1', promptVersion: 1, variables: VARIABLES }));
    await world.done(new AddPromptVersion(world.context(), 'pr_1', { template: '{{scene}} only' }));
    expect(await resolve({ briefId: id, promptVersionId: 'pr_1@v2' })).toMatchObject({
      brief: { briefRevision: 1, promptVersion: 2, budgeted: false, autoReview: false },
      prompt: 'a bright kitchen only',
      variables: { scene: 'a bright kitchen' },
    });
  });

  it('is its own where it names no version', async () => {
    const { id } = await make();
    expect(await resolve({ briefId: id })).toMatchObject({
      brief: { briefId: id, promptId: null, promptVersion: null, promptVersionId: null },
      prompt: null,
      variables: null,
    });
    expect(await resolve({ briefId: id, variables: { a: 'b' } })).toMatchObject({ code: 'validation_failed' });
  });

  it('needs a brief and a version that are there, and the brief’s account', async () => {
    await world.openAccount('acc_2');
    const { id } = await make();
    const other = await make({ accountId: 'acc_2' });
    await world.done(new CreatePrompt(world.context(), { id: 'pr_1', name: 'x', template: '{{goal}} {{scene}}' }));
    const codeOf = async (wish: Parameters<typeof resolve>[0]): Promise<unknown> => {
      const resolved = await resolve(wish);
      return isRefusal(resolved)
        ? [resolved.code, (resolved.fields?.['errors'] as Array<{ pointer: string }> | undefined)?.[0]?.pointer]
        : 'ok';
    };
    expect(await codeOf({ briefId: 'nothing' })).toEqual(['not_found', undefined]);
    expect(await codeOf({ briefId: '../x' })).toEqual(['not_found', undefined]);
    for (const promptVersionId of ['pr_1@v2', 'pr_1@v0', 'pr_1', 'pr_1@production', 'pr_2@v1', '@v1'])
      expect(await codeOf({ briefId: id, promptVersionId })).toEqual(['not_found', undefined]);
    expect(await codeOf({ briefId: other.id })).toEqual(['validation_failed', '/accountId']);
    // A key that may not see the brief's account is not even told that it is there.
    expect(await codeOf({ briefId: other.id, accounts: ['acc_1'] })).toEqual(['not_found', undefined]);
    expect(await codeOf({ briefId: other.id, accountId: 'acc_2' })).toBe('ok');
    expect(await codeOf({ briefId: id, promptVersionId: 'pr_1@v1' })).toEqual(['validation_failed', '/variables/scene']);
  });
});

describe('a brief’s budget', () => {
  it('is used attempt by attempt, and then refuses with its own code', async () => {
    const { id } = await make({ attemptBudget: 3 });
    expect(await take(id, tasks(2))).toBe('taken');
    expect(await world.briefs.take(meta(), id, tasks(2))).toMatchObject({
      code: 'attempt_budget_exhausted',
      fields: { briefId: id, attemptBudget: 3, attemptsUsed: 2 },
    });
    expect(await take(id, tasks(1))).toBe('taken');
    expect(await world.briefs.take(meta(), id, tasks(1))).toMatchObject({ fields: { attemptBudget: 3, attemptsUsed: 3 } });
  });

  it('does not count a task twice', async () => {
    const { id } = await make({ attemptBudget: 2 });
    const [first, second] = tasks(2) as [string, string];
    expect(await take(id, [first])).toBe('taken');
    expect(await take(id, [first])).toBe('taken');
    expect(await take(id, [first, second, second])).toBe('taken');
    expect(await take(id, [first, second])).toBe('taken');
    expect(await take(id, tasks(1))).toBe('attempt_budget_exhausted');
  });

  it('without a bound takes nothing down', async () => {
    const { id } = await make();
    const head = await world.store.head();
    expect(await take(id, tasks(1_000))).toBe('taken');
    expect(await world.store.head()).toBe(head);
    expect(await take('nothing', tasks(1))).toBe('not_found');
  });

  it('gets back what was refused, and the attempt can be taken again', async () => {
    const { id } = await make({ attemptBudget: 1 });
    const [taskId] = tasks(1) as [string];
    await take(id, [taskId]);
    await world.briefs.giveBack(meta(), id, [taskId]);
    await world.briefs.giveBack(meta(), id, [taskId]);
    expect(await take(id, [taskId])).toBe('taken');
    expect(await take(id, tasks(1))).toBe('attempt_budget_exhausted');
    const facts = await world.store.readStream(tenantStream('brief', TENANT, id));
    expect(facts.slice(1).map(({ type, data }) => [type, data['used']])).toEqual([
      ['BriefAttemptTaken', 1],
      ['BriefAttemptReturned', 0],
      ['BriefAttemptTaken', 1],
    ]);
  });

  it('keeps the attempt of a task that came to be, whoever gives it back', async () => {
    const { id } = await make({ attemptBudget: 1 });
    const [taskId] = tasks(1) as [string];
    await take(id, [taskId]);
    await open(taskId, id);
    await world.briefs.giveBack(meta(), id, [taskId]);
    expect(await take(id, tasks(1))).toBe('attempt_budget_exhausted');
  });

  it('never fails a refusal because an attempt could not be given back', async () => {
    const { id } = await make({ attemptBudget: 1 });
    const [taskId] = tasks(1) as [string];
    await take(id, [taskId]);
    world.store.readStreams = () => Promise.reject(new Error('away'));
    await world.briefs.giveBack(meta(), id, [taskId]);
    expect(world.warnings).toHaveLength(1);
  });

  it('finds out attempts whose tasks were refused or never came to be, and no others', async () => {
    const { id } = await make({ attemptBudget: 4 });
    const [opened, refused, lost, another] = tasks(4) as [string, string, string, string];
    await take(id, [opened, refused, lost, another]);
    await open(opened, id);
    await world.write(tenantStream('task', TENANT, refused), 'TaskRejected', { taskId: refused, brief: { briefId: id } });
    await world.write(tenantStream('task', TENANT, another), 'TaskSubmitted', { taskId: another });
    // A submission that is under way is not taken for one that died.
    expect(await take(id, tasks(1))).toBe('attempt_budget_exhausted');
    world.now += GRACE_MS;
    expect(await take(id, tasks(4))).toBe('attempt_budget_exhausted');
    expect(await take(id, tasks(3))).toBe('taken');
    expect(await take(id, tasks(1))).toBe('attempt_budget_exhausted');
  });

  it('is exact under a crowd in several processes', async () => {
    const { id } = await make({ attemptBudget: 25 });
    const processes = [world, await new StudioWorld(world.log, world.vault).start(), await new StudioWorld(world.log, world.vault).start()];
    const results = await Promise.all(Array.from({ length: 60 }, (_, index) => take(id, tasks(1), processes[index % 3])));
    expect(results.filter((result) => result === 'taken')).toHaveLength(25);
    expect(results.filter((result) => result === 'attempt_budget_exhausted')).toHaveLength(35);
    const facts = await world.store.readStream(tenantStream('brief', TENANT, id));
    expect(facts.slice(1).map(({ data }) => data['used'])).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    await Promise.all(processes.slice(1).map((process) => process.stop()));
  });

  it('stands as well from a snapshot', async () => {
    const { id } = await make({ attemptBudget: 20 });
    for (let count = 0; count < 12; count += 1) await take(id, tasks(1));
    const stream = tenantStream('brief', TENANT, id);
    await until(async () => (await world.snapshots.latest([stream], 1)).has(stream));
    const elsewhere = new StudioWorld(world.log, world.vault);
    const [kept] = (await world.snapshots.latest([stream], 1)).values();
    await elsewhere.snapshots.save(kept!);
    await elsewhere.start();
    expect(await take(id, tasks(9), elsewhere)).toBe('attempt_budget_exhausted');
    expect(await take(id, tasks(8), elsewhere)).toBe('taken');
    await elsewhere.stop();
  });

  it('stands in the brief’s answers, and is no revision of it', async () => {
    const { id } = await make({ attemptBudget: 5 });
    await take(id, tasks(2));
    await world.done(new CreatePrompt(world.context(), { id: 'pr_1', name: 'x', template: '{{goal}}' }));
    expect(await world.done(new ReadyBrief(world.context(), id, { promptId: 'pr_1', promptVersion: 1 }))).toMatchObject({
      attemptBudget: 5,
      attemptsUsed: 2,
      revision: 1,
    });
  });
});
