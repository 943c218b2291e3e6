// What an explanation promises: every decision over a task, decided again on what was seen then, whatever has changed since.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { isRefusal } from '#libs/kernel';
import type { Asset } from '#libs/tasks';
import { House, request, TENANT, wish, type HouseProcess } from '../testing/house.js';
import { TaskLedger } from '../task-ledger.js';
import type { TaskInput } from '../settlement.messages.js';
import { Explanations } from './explanations.js';
import type { DecisionView, ExplanationView } from './explanation.view.js';

const DAY_MS = 86_400_000;
const ASSETS: Asset[] = [{ url: 'https://assets.test/a.mp4', mediaType: 'video/mp4', durationSeconds: '5' }];
const FAILURE = { code: 'provider_failed', detail: 'it broke', blame: 'provider', retryable: false } as const;

let house: House;
let app: HouseProcess;
let explanations: Explanations;

beforeEach(async () => {
  house = await House.open();
  app = await house.process();
  await app.account('acc_1');
  explanations = explaining();
});

function explaining(store = app.store): Explanations {
  const { accounts, tasks, keys, index } = app;
  const ledger = new TaskLedger(app.store, tasks, keys, index);
  return new Explanations({ store, accounts, ledger, quotes: house.quotes, policies: house.ledgerPolicies });
}

async function submit(input: TaskInput = wish()): Promise<string> {
  const answer = await app.submissions.submit(request(input), input);
  if (answer.ok) return answer.view.id;
  return answer.fields?.['taskId'] as string;
}

async function explain(taskId: string): Promise<ExplanationView> {
  const explanation = await explanations.explain({ tenant: TENANT, accounts: null }, taskId);
  if (isRefusal(explanation)) throw new Error(explanation.detail);
  return explanation;
}

/** Every decision, each of which must be decided the same again. */
async function reproduced(taskId: string): Promise<DecisionView[]> {
  const { decisions, reproduced: all } = await explain(taskId);
  expect(decisions.filter((decision) => !decision.reproduced)).toEqual([]);
  expect(all).toBe(true);
  return decisions;
}

const complete = (taskId: string, deliveredFraction = '1', lateResultPolicy: 'offer' | 'discard' | 'deliver_free' = 'discard') =>
  app.task(taskId, {
    ...{ type: 'Complete', attempt: 1, assets: ASSETS, deliveredFraction, actualDurationSeconds: null },
    ...{ cost: { currency: 'USD', amountMinor: 3 }, lateResultPolicy },
  });
const settle = (taskId: string) => app.settlements.settleFromLog(TENANT, taskId, null);
const rulesOf = (decisions: readonly DecisionView[]) => decisions.map((decision) => decision.rule);

describe('an explanation', () => {
  it('tells a life from the wish to the goodwill, with what each decision saw', async () => {
    const taskId = await submit(wish({ userId: 'u1' }));
    await app.start(taskId);
    await complete(taskId, '0.5');
    await settle(taskId);
    await app.goodwill.refund(request({}, { path: `/v1/tasks/${taskId}/refunds` }), taskId, { credits: 10, reason: 'blurred' });
    const decisions = await reproduced(taskId);
    expect(rulesOf(decisions)).toEqual([
      'submission.at-price',
      'dispatch.next-attempt',
      'attempt.accepted',
      'ending.completed',
      'consumption.in-part',
      'refund.goodwill',
    ]);
    expect(decisions[0]).toMatchObject({
      command: { type: 'SubmitTask', accountId: 'acc_1', userId: 'u1', credits: 70 },
      state: { revision: 1, plan: 'pro', available: 2_000, held: 0, frozen: 0, drawdown: [{ bucket: 'subscription', credits: 70 }] },
      priceVersion: 'basic@1',
      planVersion: 1,
      outcome: 'accepted',
      facts: ['CreditsReserved', 'TaskSubmitted'],
      refusal: null,
      actor: 'key_1',
    });
    expect(decisions[4]).toMatchObject({
      command: { type: 'Consume', deliveredFraction: '0.5' },
      state: { available: 1_930, held: 70 },
      actor: 'settlement',
    });
    expect(decisions[5]).toMatchObject({ command: { type: 'RefundGoodwill', credits: 10 }, state: { available: 1_965, held: 0 } });
  });

  it('does not depend on what has become of prices and plans since', async () => {
    const taskId = await submit();
    const refused = await submit(wish({ model: 'grand' }));
    await app.price('basic', 999);
    await app.plan('pro', 5, 7);
    await app.plan('max', 3, 1);
    await app.retire('basic');
    expect(rulesOf(await reproduced(taskId))).toEqual(['submission.at-price']);
    const [decision] = await reproduced(refused);
    expect(decision).toMatchObject({
      rule: 'submission.plan-too-low',
      outcome: 'refused',
      facts: ['TaskRejected'],
      refusal: { code: 'plan_required', required: 840, available: 1_930, shortfall: 0, requiredPlan: 'max' },
    });
  });

  it('explains a want of credits with what there was', async () => {
    for (let task = 0; task < 28; task += 1) await submit();
    const refused = await submit();
    const [decision] = await reproduced(refused);
    expect(decision).toMatchObject({
      rule: 'submission.credits-short',
      refusal: { code: 'insufficient_credits', required: 70, available: 40, shortfall: 30, requiredPlan: 'free' },
      state: { available: 40, held: 1_960 },
    });
  });

  it('prices fractions and quotes as they were, also when the quote is gone', async () => {
    const parameters = { durationSeconds: 7.5, resolution: '1080p' };
    const sized = await submit(wish({ model: 'sized', parameters }));
    expect((await reproduced(sized))[0]?.command['credits']).toBe(143);
    const quote = await app.quote('acc_1', 'basic', { quantity: 2 });
    await app.price('basic', 80);
    const quoted = [await submit(wish({ quoteId: quote.id })), await submit(wish({ quoteId: quote.id }))];
    house.quotes.find = () => Promise.resolve(null);
    for (const taskId of quoted) expect(rulesOf(await reproduced(taskId))).toEqual(['submission.at-quote']);
  });

  it('reproduces tasks with briefs, whatever their briefs say since, their refusals and their clips', async () => {
    house.briefs.versions.set('prompt_1@v1', 'A {{scene}} for {{goal}}.');
    house.briefs.brief('brief_1', { attemptBudget: 9 });
    const briefed = { ...wish(), briefId: 'brief_1', promptVersionId: 'prompt_1@v1', variables: { scene: 'garden' } };
    delete briefed.prompt;
    const taskId = await submit(briefed);
    const refused = await submit({ ...briefed, model: 'grand' });
    const tasks = [briefed, wish(), { ...wish(), briefId: 'brief_1' }];
    const batch = await app.batches.submit(request({ tasks, atomic: true }), tasks, true);
    if (!batch.ok) throw new Error(batch.detail);
    const batched = batch.view.results.map((entry) => ('task' in entry ? entry.task.id : ''));
    await app.start(taskId);
    await complete(taskId);
    await settle(taskId);
    house.briefs.briefs.clear();
    expect((await reproduced(taskId))[0]?.command).toMatchObject({ briefId: 'brief_1', promptVersionId: 'prompt_1@v1' });
    expect(rulesOf(await reproduced(refused))).toEqual(['submission.plan-too-low']);
    for (const id of batched) await reproduced(id);
    expect((await app.facts({ type: 'TaskCompleted' }))[0]?.data).toMatchObject({ briefId: 'brief_1' });
  });

  it('takes a quote’s own parameters as they were quoted, whatever today’s price declares', async () => {
    const quote = await app.quote('acc_1', 'sized', { quantity: 2, parameters: { durationSeconds: 7.5, resolution: '1080p' } });
    const before = await submit(wish({ model: 'sized', quoteId: quote.id }));
    await app.model('sized', { name: 'S', family: 's', outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'free' });
    const after = await submit(wish({ model: 'sized', quoteId: quote.id }));
    for (const taskId of [before, after]) expect((await reproduced(taskId))[0]?.command['credits']).toBe(143);
  });

  it('explains each task of a batch that stands or falls together as one decision', async () => {
    const tasks = [wish(), wish({ model: 'sized' }), wish()];
    const answer = await app.batches.submit(request({ tasks, atomic: true }), tasks, true);
    if (!answer.ok) throw new Error(answer.detail);
    for (const entry of answer.view.results) {
      if (!('task' in entry)) throw new Error('refused');
      const [decision] = await reproduced(entry.task.id);
      expect(decision).toMatchObject({ command: { tasks: 3 }, facts: ['CreditsReserved', 'TaskSubmitted'] });
    }
  });

  it('books what was due with the decision that met it', async () => {
    house.clock.advance(40 * DAY_MS);
    const taskId = await submit();
    const [decision] = await reproduced(taskId);
    expect(decision?.facts).toEqual(['CycleReset', 'CreditsReserved', 'TaskSubmitted']);
  });

  it.each(['grace', 'expire'] as const)('names what became of a hold that outlived its grant (%s)', async (lapsedRefund) => {
    house.ledgerPolicies.lapsedRefund = lapsedRefund;
    const taskId = await submit();
    await app.start(taskId);
    house.clock.advance(40 * DAY_MS);
    await app.task(taskId, { type: 'TimeOut' });
    await settle(taskId);
    // Decided by what the facts name, not by what is configured by now.
    house.ledgerPolicies.lapsedRefund = lapsedRefund === 'grace' ? 'expire' : 'grace';
    explanations = explaining();
    expect(rulesOf(await reproduced(taskId)).slice(-2)).toEqual(['ending.deadline', `refund.lapsed-${lapsedRefund}`]);
  });

  it.each([
    [
      'refund.failed',
      (taskId: string) => app.task(taskId, { type: 'Fail', attempt: 1, failure: FAILURE, cost: null, lateResultPolicy: 'discard' }),
    ],
    ['refund.timed-out', (taskId: string) => (house.clock.advance(601_000), app.task(taskId, { type: 'TimeOut' }))],
    [
      'refund.cancelled',
      async (taskId: string) => {
        await app.cancellations.cancel(request({}), taskId, 'enough');
        await app.task(taskId, { type: 'Cancel', attempt: 1, cost: null });
      },
    ],
    [
      'refund.cancelled',
      async (taskId: string) => {
        await app.cancellations.cancel(request({}), taskId, null);
        await app.task(taskId, { type: 'FailAttempt', attempt: 1, failure: FAILURE, cost: null, retryAt: house.clock.now() + 10 });
      },
    ],
  ])('ends in %s', async (rule, end) => {
    const taskId = await submit();
    await app.start(taskId);
    await end(taskId);
    await settle(taskId);
    expect(rulesOf(await reproduced(taskId)).at(-1)).toBe(rule);
  });

  it('tells a cancellation that was done at once from one that was asked for', async () => {
    const taskId = await submit();
    await app.cancellations.cancel(request({}), taskId, 'a mistake');
    const decisions = await reproduced(taskId);
    expect(decisions.at(-1)).toMatchObject({
      rule: 'cancellation.at-once',
      command: { type: 'RequestCancellation', reason: 'a mistake' },
      facts: ['CreditsRefunded', 'TaskCancellationRequested', 'TaskCancelled'],
    });
  });

  it('follows a late result to its acceptance and its absorbed cost', async () => {
    const taskId = await submit();
    await app.start(taskId);
    house.clock.advance(601_000);
    await app.task(taskId, { type: 'TimeOut' });
    await settle(taskId);
    await complete(taskId, '1', 'offer');
    await settle(taskId);
    await app.lateResults.accept(request({}), taskId);
    expect(rulesOf(await reproduced(taskId)).slice(-5)).toEqual([
      'ending.deadline',
      'refund.timed-out',
      'late-result.offered',
      'cost.absorbed',
      'late-result.taken',
    ]);
  });

  it('lowers a debt with goodwill', async () => {
    const [granted] = await app.ledger('acc_1', {
      ...{ type: 'GrantCredits', bucket: 'purchased', credits: 100, expiresAt: null, reference: 'inv-1' },
      costBasis: { currency: 'USD', amountMinor: 500 },
    });
    for (let task = 0; task < 28; task += 1) await submit();
    const taskId = await submit();
    await app.start(taskId);
    await complete(taskId);
    await settle(taskId);
    const grantId = granted?.type === 'CreditsGranted' ? granted.data.grantId : '';
    await app.ledger('acc_1', { type: 'RevokeGrant', grantId, reason: 'chargeback', spent: 'debt' });
    await app.goodwill.refund(request({}), taskId, { credits: 50, reason: 'sorry' });
    const decisions = await reproduced(taskId);
    expect(decisions.at(-1)?.rule).toBe('refund.goodwill-lowers-debt');
  });

  it('says what differs where today decides otherwise', async () => {
    const taskId = await submit();
    const { store } = app;
    // As if somebody had changed the log behind the system's back.
    const changed = {
      readStream: async (...asked: Parameters<typeof store.readStream>) => {
        const facts = structuredClone(await store.readStream(...asked));
        for (const { type, data } of facts)
          if (type === 'CreditsReserved') (data['reservations'] as Array<{ credits: number }>)[0]!.credits = 69;
        return facts;
      },
      readStreams: store.readStreams.bind(store),
    };
    explanations = explaining(changed as unknown as typeof store);
    const { reproduced: all, decisions } = await explain(taskId);
    expect(all).toBe(false);
    expect(decisions[0]?.difference).toMatchObject({
      expected: [{ type: 'CreditsReserved', data: { reservations: [{ credits: 69 }] } }],
      actual: [{ type: 'CreditsReserved', data: { reservations: [{ credits: 70 }] } }],
    });
  });

  it('is not there for whoever may not see the account, nor of what is no task', async () => {
    const taskId = await submit();
    for (const [who, id] of [
      [{ tenant: TENANT, accounts: ['acc_9'] }, taskId],
      [{ tenant: 'other', accounts: null }, taskId],
      [{ tenant: TENANT, accounts: null }, 'task_1'],
    ] as const) {
      expect(await explanations.explain(who, id)).toMatchObject({ code: 'not_found' });
    }
  });
});
