import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobReport, SubmitAnswer } from '#libs/providers';
import { ScriptedProvider } from './testing/scripted-provider.js';
import { until, World, type RunningOrchestrator } from './testing/test-world.js';

const SUCCESS: JobReport = {
  kind: 'succeeded',
  assets: [{ url: 'https://vendor.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5' }],
  deliveredFraction: '1',
  actualDurationSeconds: '5',
  cost: { currency: 'EUR', amountMinor: 9 },
};
const vendors = {
  refusing: new ScriptedProvider('refusing'),
  refused: new ScriptedProvider('refused'),
  busy: new ScriptedProvider('busy'),
  lossy: new ScriptedProvider('lossy'),
  blind: new ScriptedProvider('blind', { lookup: false }),
  amnesic: new ScriptedProvider('amnesic'),
  odd: new ScriptedProvider('odd'),
  boastful: new ScriptedProvider('boastful'),
  slow: new ScriptedProvider('slow'),
  doubling: new ScriptedProvider('doubling'),
  throwing: new ScriptedProvider('throwing'),
  stubborn: new ScriptedProvider('stubborn'),
  quick: new ScriptedProvider('quick'),
  reporting: new ScriptedProvider('reporting'),
  stopping: new ScriptedProvider('stopping'),
  narrow: new ScriptedProvider('narrow', { callsMax: 1 }),
};
let world: World;
let running: RunningOrchestrator;
beforeAll(async () => {
  world = await World.open(Object.values(vendors));
  running = await world.orchestrator();
});
afterAll(() => world.close());

let accounts = 0;
const start = async (vendor: ScriptedProvider): Promise<{ acc: string; id: string }> => {
  const acc = `acc_${++accounts}`;
  await world.account(acc);
  return { acc, id: await world.submit(acc, null, { model: `on-${vendor.id}` }) };
};
const has = (id: string, type: string): Promise<void> => until(`${id} to have ${type}`, async () => (await world.story(id)).includes(type));
const settledBy = (id: string, type: string): Promise<void> =>
  until(`${id} to be settled by ${type}`, async () => (await world.money(id)).includes(type));
const metric = async (name: string): Promise<string> => running.registry.getSingleMetricAsString(name);
const unrecognised = async ({ id }: ScriptedProvider): Promise<number> =>
  Number(new RegExp(`provider="${id}"} (\\d+)`).exec(await metric('rollcredits_provider_statuses_unrecognised_total'))?.[1] ?? 0);

describe('a vendor', () => {
  it('that refuses the connection created nothing: it is tried again, three times in all, then the task fails and is refunded', async () => {
    const { refused } = vendors;
    refused.submits = [{ kind: 'not_sent', detail: 'connection refused' }];
    const { id, acc } = await start(refused);
    await settledBy(id, 'CreditsRefunded');
    expect((await world.story(id)).slice(1)).toEqual([
      'TaskDispatched',
      'TaskAttemptFailed',
      'TaskDispatched',
      'TaskAttemptFailed',
      'TaskDispatched',
      'TaskFailed',
    ]);
    expect((await world.state(id)).failure?.code).toBe('provider_unreachable');
    expect(await world.figures(acc)).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it('that is busy once is tried again under a new attempt id, and then charged once', async () => {
    const { busy } = vendors;
    busy.submits = [
      { kind: 'rejected', code: 'rate_limited', detail: 'later', retryable: true },
      { kind: 'accepted', providerJobId: 'b_2' },
    ];
    busy.reports = [SUCCESS];
    const { id } = await start(busy);
    await settledBy(id, 'CreditsConsumed');
    expect(busy.jobs.map((job) => job.clientJobId)).toEqual([`${id}.1`, `${id}.2`]);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
  });

  it('gets the job as the customer asked for it, prompt included', async () => {
    const { busy } = vendors;
    expect(busy.jobs[0]).toMatchObject({
      prompt: 'a fox in the snow',
      outputType: 'video',
      durationSeconds: '5',
      attempt: 1,
      model: 'on-busy',
    });
  });

  it('that says no for good is not asked again', async () => {
    const { refusing } = vendors;
    refusing.submits = [{ kind: 'rejected', code: 'nsfw', detail: 'not allowed', retryable: false }];
    const { id } = await start(refusing);
    await settledBy(id, 'CreditsRefunded');
    expect(refusing.count('submit')).toBe(1);
    expect((await world.state(id)).failure).toMatchObject({ code: 'provider_rejected', detail: 'nsfw: not allowed' });
  });

  it('whose answer to a submission is lost is looked up and never submitted to again', async () => {
    const { lossy } = vendors;
    lossy.submits = [{ kind: 'unknown', detail: 'read time-out' }];
    lossy.lookups = [{ kind: 'unknown' }, { kind: 'never_created' }, { kind: 'unknown' }, { kind: 'found', providerJobId: 'l_1' }];
    lossy.reports = [SUCCESS];
    const { id } = await start(lossy);
    await settledBy(id, 'CreditsConsumed');
    expect(lossy.count('submit')).toBe(1);
    expect(lossy.count('lookup')).toBe(4);
    expect(await metric('rollcredits_provider_submissions_unknown_total')).toContain('provider="lossy"} 1');
  });

  it('that says twice that it never had the job gets it again under the same id', async () => {
    const { amnesic } = vendors;
    amnesic.submits = [
      { kind: 'unknown', detail: 'read time-out' },
      { kind: 'accepted', providerJobId: 'a_1' },
    ];
    amnesic.lookups = [{ kind: 'never_created' }];
    amnesic.reports = [SUCCESS];
    const { id } = await start(amnesic);
    await settledBy(id, 'CreditsConsumed');
    expect(amnesic.jobs.map((job) => job.clientJobId)).toEqual([`${id}.1`, `${id}.1`]);
    expect(amnesic.count('lookup')).toBe(2);
  });

  it('without a look-up leaves a lost submission to the deadline, and moves no money before it', async () => {
    const { blind } = vendors;
    blind.submits = [{ kind: 'unknown', detail: 'read time-out' }];
    const { id, acc } = await start(blind);
    await has(id, 'TaskSubmissionUnknown');
    expect(await world.figures(acc)).toMatchObject({ held: 70 });
    await world.passDeadlines();
    await settledBy(id, 'CreditsRefunded');
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskSubmissionUnknown', 'TaskTimedOut']);
    expect(blind.calls).toEqual(['submit']);
  });

  it('with a status that nobody knows keeps the credits held, raises the figure, and is asked again until it makes sense', async () => {
    const { odd } = vendors;
    odd.reports = [{ kind: 'unrecognised', status: 'QUANTUM' }];
    const { id, acc } = await start(odd);
    await until('a few reports', () => odd.count('report') >= 3);
    expect(await world.figures(acc)).toMatchObject({ held: 70, open: 1 });
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted']);
    await until('the figure to rise', async () => (await unrecognised(odd)) >= 3);
    odd.reports = [SUCCESS];
    await settledBy(id, 'CreditsConsumed');
  });

  it('that says it delivered more than all is not believed: the credits stay held, the figure rises, and the deadline decides', async () => {
    const { boastful } = vendors;
    boastful.reports = [{ ...SUCCESS, deliveredFraction: '1.5' }];
    const { id, acc } = await start(boastful);
    await until('a few reports', () => boastful.count('report') >= 3);
    expect(await world.figures(acc)).toMatchObject({ held: 70, open: 1 });
    expect(await world.story(id)).toEqual(['TaskSubmitted', 'TaskDispatched', 'TaskAccepted']);
    await until('the figure to rise', async () => (await unrecognised(boastful)) >= 2);
    await world.passDeadlines();
    await settledBy(id, 'CreditsRefunded');
    expect((await world.story(id)).at(-1)).toBe('TaskTimedOut');
    expect(await world.figures(acc)).toMatchObject({ available: 2_000, held: 0, open: 0 });
    // It goes on with others, and with this one once it makes sense.
    boastful.reports = [SUCCESS];
    const next = await start(boastful);
    await settledBy(next.id, 'CreditsConsumed');
    await has(id, 'LateResultArrived');
  });

  it('that says it delivered more than all is charged as what was held, where the policy is to cap', async () => {
    const excessive = new ScriptedProvider('excessive');
    excessive.reports = [{ ...SUCCESS, deliveredFraction: '1.5' }];
    const capping = await World.open([excessive]);
    try {
      await capping.orchestrator({ policy: { overConsumption: 'cap' } });
      await capping.account('acc_1');
      const id = await capping.submit('acc_1', null, { model: 'on-excessive' });
      await until('the charge', async () => (await capping.money(id)).includes('CreditsConsumed'));
      expect(await capping.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
    } finally {
      await capping.close();
    }
  });

  it('that says it delivered more than all is charged as what was held and owed for the rest, where the policy is debt', async () => {
    const excessive = new ScriptedProvider('excessive');
    excessive.reports = [{ ...SUCCESS, deliveredFraction: '1.5' }];
    const owing = await World.open([excessive]);
    try {
      await owing.orchestrator({ policy: { overConsumption: 'debt' } });
      await owing.account('acc_1');
      const id = await owing.submit('acc_1', null, { model: 'on-excessive' });
      await until('the debt', async () => (await owing.money(id)).includes('DebtRecorded'));
      expect(await owing.money(id)).toEqual(['CreditsConsumed', 'DebtRecorded']);
      expect(await owing.figures('acc_1')).toEqual({ available: 1_930, held: 0, open: 0 });
    } finally {
      await owing.close();
    }
  });

  it('that takes longer than the deadline to answer a submission holds nobody up; its late result is delivered free', async () => {
    const { slow } = vendors;
    let answer: (answer: SubmitAnswer) => void = () => undefined;
    slow.submits = [new Promise<SubmitAnswer>((resolve) => (answer = resolve))];
    slow.reports = [SUCCESS];
    const { id, acc } = await start(slow);
    await until('the submission', () => slow.count('submit') === 1);
    await world.passDeadlines();
    await settledBy(id, 'CreditsRefunded');
    answer({ kind: 'accepted', providerJobId: 's_1' });
    await settledBy(id, 'ProviderCostBooked');
    expect((await world.story(id)).slice(-3)).toEqual(['TaskTimedOut', 'TaskAccepted', 'LateResultArrived']);
    expect(await world.figures(acc)).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it('that hints twice, too early and about strangers changes nothing but when it is asked', async () => {
    const { doubling } = vendors;
    const { id } = await start(doubling);
    await has(id, 'TaskAccepted');
    doubling.reports = [SUCCESS];
    for (const hinted of ['v_nobody', `v_${id}.1`, `v_${id}.1`, 'v_nobody']) doubling.hint(hinted);
    await settledBy(id, 'CreditsConsumed');
    doubling.hint(`v_${id}.1`);
    const after = await start(doubling);
    await settledBy(after.id, 'CreditsConsumed');
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
  });

  it('whose adapter throws has said nothing: the task is held and reconciled', async () => {
    const { throwing } = vendors;
    throwing.submits = [
      () => {
        throw new Error('bug in the adapter');
      },
    ];
    throwing.lookups = [{ kind: 'found', providerJobId: 't_1' }];
    throwing.reports = [
      () => {
        throw new Error('another');
      },
      SUCCESS,
    ];
    const { id } = await start(throwing);
    await settledBy(id, 'CreditsConsumed');
    expect(throwing.count('submit')).toBe(1);
  });

  it('that only notes a cancellation is polled on, and its success is honoured', async () => {
    const { stubborn } = vendors;
    stubborn.cancels = [{ kind: 'unknown' }, { kind: 'requested' }];
    const { id, acc } = await start(stubborn);
    await has(id, 'TaskAccepted');
    await world.task(id, { type: 'RequestCancellation', reason: null });
    await until('the cancellation to be noted', () => stubborn.count('cancel') === 2);
    stubborn.reports = [SUCCESS];
    await settledBy(id, 'CreditsConsumed');
    expect(await world.figures(acc)).toEqual({ available: 1_930, held: 0, open: 0 });
  });

  it('for which a cancellation is too late is asked for the result at once', async () => {
    const { quick } = vendors;
    quick.cancels = [{ kind: 'too_late' }];
    const { id } = await start(quick);
    await has(id, 'TaskAccepted');
    quick.reports = [SUCCESS];
    await world.task(id, { type: 'RequestCancellation', reason: null });
    await settledBy(id, 'CreditsConsumed');
    expect((await world.state(id)).status).toBe('completed');
  });

  it('that stops a job unasked has failed it', async () => {
    const { stopping } = vendors;
    stopping.reports = [{ kind: 'cancelled', cost: null }];
    const { id } = await start(stopping);
    await settledBy(id, 'CreditsRefunded');
    expect((await world.state(id)).failure?.code).toBe('provider_cancelled');
  });

  it('that reports every percent leaves a fact only for each step', async () => {
    const { reporting } = vendors;
    reporting.reports = [...[1, 5, 9, 12, 15, 19, 25, 26].map((percent): JobReport => ({ kind: 'running', percent })), SUCCESS];
    const { id } = await start(reporting);
    await settledBy(id, 'CreditsConsumed');
    const progress = await world.facts({ taskId: id, types: ['TaskProgressed'] });
    expect(progress.map((fact) => fact.data['percent'])).toEqual([12, 25]);
  });
});

describe('fairness', () => {
  it("lets one account's backlog starve nobody: a small account's task goes out after at most one of each other account", async () => {
    const { narrow } = vendors;
    let open: (answer: SubmitAnswer) => void = () => undefined;
    narrow.submits = [
      new Promise<SubmitAnswer>((resolve) => (open = resolve)),
      () => ({ kind: 'accepted', providerJobId: `n_${narrow.jobs.length}` }),
    ];
    narrow.reports = [SUCCESS];
    await world.account('acc_big');
    await world.account('acc_small');
    const backlog: string[] = [];
    for (let index = 0; index < 20; index += 1) backlog.push(await world.submit('acc_big', null, { model: 'on-narrow' }));
    await until('the only place to be taken', () => narrow.jobs.length === 1);
    const small = await world.submit('acc_small', null, { model: 'on-narrow' });
    await until('all to wait', () => running.orchestrator.waiting === 20);
    open({ kind: 'accepted', providerJobId: 'n_first' });
    await settledBy(small, 'CreditsConsumed');
    await until('the backlog to be gone', async () => (await world.figures('acc_big')).open === 0);
    const order = narrow.jobs.map((job) => job.taskId);
    expect(order.indexOf(small)).toBeLessThanOrEqual(2);
    expect(order.filter((id) => backlog.includes(id))).toEqual(backlog);
  });
});
