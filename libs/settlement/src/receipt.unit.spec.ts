// What a receipt promises: every line names the fact that proves it, and the statement says in words what the lines add up to.
import { describe, expect, it } from '@jest/globals';
import type { GrantPart, ProviderCost } from '#libs/ledger';
import { foldReceipt, initialReceipt, receiptOf, renderReceipt, type ReceiptFact } from './receipt.js';

const TASK = 'task_1';
const AT = '2026-11-21T20:00:00.000Z';
let next = 0;

function fact(type: string, data: object): ReceiptFact {
  next += 1;
  return { id: `evt_${next}`, type, position: String(next).padStart(16, '0'), data: { decidedAt: AT, ...data } };
}
function part(credits: number, bucket: GrantPart['bucket'] = 'subscription', grantId = 'grant_1'): GrantPart {
  const counters = { available: 0, held: 0, gone: 0 };
  return { grantId, bucket, credits, size: 2000, costBasis: null, expiresAt: null, before: counters, after: counters };
}
function cost(amountMinor: number, currency = 'USD'): ProviderCost {
  return { attempt: 1, provider: 'simulator', providerJobId: 'job', model: 'm', cost: { currency, amountMinor }, absorbed: false };
}
const noRelease = { returned: [], reissued: [], policy: null };
const submitted = (credits = 70) => fact('TaskSubmitted', { taskId: TASK, credits, drawdown: [part(credits)] });
const reserved = (credits = 70, taskId = TASK) =>
  fact('CreditsReserved', {
    burnOrder: [],
    reservations: [
      { reservationId: 'task_other', taskId: 'task_other', credits: 5, drawdown: [part(5)] },
      { reservationId: taskId, taskId, credits, drawdown: [part(credits - 10), part(10, 'purchased', 'grant_2')] },
    ],
  });
const consumed = (amount: number, more: object = {}) =>
  fact('CreditsConsumed', {
    taskId: TASK,
    reservationId: TASK,
    consumed: amount,
    parts: amount > 0 ? [part(amount)] : [],
    providerCost: [],
    ...noRelease,
    ...more,
  });
const refunded = (amount: number, more: object = {}) =>
  fact('CreditsRefunded', {
    taskId: TASK,
    reservationId: TASK,
    kind: 'hold',
    credits: amount,
    returned: [part(amount)],
    reissued: [],
    policy: null,
    providerCost: [],
    ...more,
  });

describe('receiptOf', () => {
  it('charges what was used beyond the hold, and says that it is owed', () => {
    const beyond = { taskId: TASK, cause: 'over_consumption', credits: 30 };
    const debt = fact('DebtRecorded', beyond);
    const other = fact('DebtRecorded', { taskId: TASK, cause: 'held_part', credits: 10 });
    const receipt = receiptOf(TASK, [reserved(), submitted(), fact('TaskCompleted', { attempt: 1 }), consumed(70), other, debt]);
    expect(receipt.charged).toBe(100);
    expect(receipt.lines.at(-1)).toMatchObject({ what: 'consumed', credits: 30, buckets: {}, eventId: debt.id });
    expect(receipt.statement).toBe('Charged 100 credits: 30 credits beyond what was held were added to what is owed.');
  });

  it('takes goodwill that lowered what is owed off the charge', () => {
    const lowered = fact('DebtRepaid', { cause: 'goodwill', credits: 20, settlements: [], goodwill: { taskId: TASK } });
    const purchase = fact('DebtRepaid', { cause: 'purchase', credits: 9, settlements: [], goodwill: null });
    const receipt = receiptOf(TASK, [reserved(), submitted(), fact('TaskCompleted', { attempt: 1 }), consumed(70), lowered, purchase]);
    expect(receipt).toMatchObject({
      charged: 50,
      statement:
        'Charged 50 credits: 70 credits were consumed; 20 credits were given back as goodwill. 20 credits of what was given back lowered what is owed.',
    });
    expect(receipt.lines.at(-1)).toMatchObject({ what: 'refunded', credits: 20, buckets: {}, eventId: lowered.id });
  });

  it('says "not charged" for a failure, and returns what was held', () => {
    const facts = [reserved(), submitted(), fact('TaskFailed', { attempt: 1 }), refunded(70)];
    const receipt = receiptOf(TASK, facts);
    expect(receipt.statement).toBe('Not charged: the generation failed and 70 credits were returned.');
    expect(receipt.charged).toBe(0);
    expect(receipt.lines.map(({ what, credits, buckets }) => ({ what, credits, buckets }))).toEqual([
      { what: 'quoted', credits: 70, buckets: { subscription: 70 } },
      { what: 'held', credits: 70, buckets: { subscription: 60, purchased: 10 } },
      { what: 'refunded', credits: 70, buckets: { subscription: 70 } },
    ]);
    expect(receipt.lines.map(({ eventId, position }) => ({ eventId, position }))).toEqual(
      [facts[1], facts[0], facts[3]].map((each) => ({ eventId: each?.id, position: each?.position })),
    );
    expect(receipt.position).toBe(facts[3]?.position);
  });

  it.each([
    ['TaskTimedOut', 'Not charged: the generation timed out and 70 credits were returned.'],
    ['TaskCancelled', 'Not charged: the task was cancelled and 70 credits were returned.'],
  ])('says what happened after %s', (type, statement) => {
    expect(receiptOf(TASK, [reserved(), submitted(), fact(type, {}), refunded(70)]).statement).toBe(statement);
  });

  it('charges what was consumed and adds up the cost of every attempt by currency', () => {
    const receipt = receiptOf(TASK, [
      reserved(),
      submitted(),
      fact('TaskCompleted', {}),
      consumed(70, { providerCost: [cost(35), cost(7, 'EUR'), cost(1)] }),
      fact('ProviderCostBooked', { taskId: TASK, providerCost: cost(4) }),
      fact('ProviderCostBooked', { taskId: 'task_other', providerCost: cost(99) }),
    ]);
    expect(receipt).toMatchObject({ charged: 70, statement: 'Charged 70 credits.' });
    expect(receipt.providerCost).toEqual([
      { currency: 'EUR', amountMinor: 7 },
      { currency: 'USD', amountMinor: 40 },
    ]);
  });

  it('shows both halves of a partial delivery', () => {
    const receipt = receiptOf(TASK, [reserved(), submitted(), fact('TaskCompleted', {}), consumed(35, { returned: [part(35)] })]);
    expect(receipt.charged).toBe(35);
    expect(receipt.lines.map(({ what, credits }) => [what, credits])).toEqual([
      ['quoted', 70],
      ['held', 70],
      ['consumed', 35],
      ['refunded', 35],
    ]);
    expect(receipt.statement).toBe('Charged 35 credits: the generation delivered a part of what was quoted and 35 credits were returned.');
  });

  it('charges nothing for a delivery of nothing', () => {
    const receipt = receiptOf(TASK, [reserved(), submitted(), fact('TaskCompleted', {}), consumed(0, { returned: [part(70)] })]);
    expect(receipt.statement).toBe('Not charged: the generation delivered nothing and 70 credits were returned.');
    expect(receipt.lines.some((line) => line.what === 'consumed')).toBe(false);
  });

  it('subtracts goodwill from the charge', () => {
    const settled = [reserved(), submitted(), fact('TaskCompleted', {}), consumed(70)];
    const some = receiptOf(TASK, [...settled, refunded(30, { kind: 'goodwill' })]);
    expect(some).toMatchObject({
      charged: 40,
      statement: 'Charged 40 credits: 70 credits were consumed; 30 credits were given back as goodwill.',
    });
    const all = receiptOf(TASK, [...settled, refunded(69, { kind: 'goodwill' }), refunded(1, { kind: 'goodwill' })]);
    expect(all).toMatchObject({ charged: 0, statement: 'Not charged: 70 credits were consumed; 70 credits were given back as goodwill.' });
  });

  it('counts goodwill that came as a new grant', () => {
    const granted = fact('CreditsGranted', {
      grantId: 'grant_9',
      bucket: 'purchased',
      credits: 10,
      cause: 'goodwill',
      goodwill: { taskId: TASK },
    });
    const receipt = receiptOf(TASK, [
      reserved(),
      submitted(),
      fact('TaskCompleted', {}),
      consumed(70),
      granted,
      fact('CreditsGranted', { credits: 5, cause: 'api' }),
    ]);
    expect(receipt.charged).toBe(60);
    expect(receipt.lines.at(-1)).toMatchObject({ what: 'reissued', credits: 10, buckets: { purchased: 10 } });
  });

  it('tells a reissue from a refund, and names what lapsed on its way back', () => {
    const reissued = receiptOf(TASK, [
      reserved(),
      submitted(),
      fact('TaskFailed', {}),
      refunded(70, {
        returned: [part(50)],
        reissued: [{ from: part(20), grant: { grantId: 'grant_9', bucket: 'subscription', credits: 20 } }],
      }),
    ]);
    expect(reissued.lines.slice(2).map(({ what, credits }) => [what, credits])).toEqual([
      ['refunded', 50],
      ['reissued', 20],
    ]);
    expect(reissued.statement).toContain('70 credits were returned. 20 credits came back as new credits');
    const lapsed = receiptOf(TASK, [
      reserved(),
      submitted(),
      fact('TaskFailed', {}),
      refunded(70),
      fact('CreditsExpired', { taskId: TASK, part: part(70), cause: 'lapsed_refund' }),
    ]);
    expect(lapsed.statement).toContain('70 credits did not come back, because what they were taken from had lapsed or was revoked');
  });

  it('tells what is held, and what is on its way, before the settlement', () => {
    const open = [reserved(), submitted()];
    expect(receiptOf(TASK, open)).toMatchObject({ charged: 0, statement: 'Not charged yet: 70 credits are held.' });
    expect(receiptOf(TASK, [...open, fact('TaskFailed', {})]).statement).toBe(
      'Not charged: the generation failed and 70 credits are being returned.',
    );
    expect(receiptOf(TASK, [...open, fact('TaskCompleted', {})]).statement).toBe(
      'The generation completed; 70 credits held for it are being settled.',
    );
    expect(receiptOf(TASK, [fact('TaskRejected', { taskId: TASK, credits: 70, drawdown: [] })])).toMatchObject({
      charged: 0,
      statement: 'Not charged: the request was refused and no credits were held.',
    });
  });

  it('charges a late result that was taken', () => {
    const receipt = receiptOf(TASK, [
      reserved(),
      submitted(),
      fact('TaskTimedOut', {}),
      refunded(70),
      reserved(),
      consumed(70),
      fact('LateResultAccepted', {}),
    ]);
    expect(receipt.charged).toBe(70);
    expect(receipt.statement).toBe(
      'Charged 70 credits: the generation timed out and 70 credits were returned; the late result was taken for 70 credits.',
    );
  });

  it('passes over what names another task', () => {
    const own = [reserved(), submitted()];
    const others = [reserved(70, 'task_3'), consumed(70, { taskId: 'task_3' }), refunded(70, { taskId: 'task_3' })];
    expect(receiptOf(TASK, [...own, ...others])).toEqual(receiptOf(TASK, own));
  });

  it('folds on from a state kept as JSON exactly as from nothing', () => {
    const facts = [
      reserved(),
      submitted(),
      fact('TaskCompleted', {}),
      consumed(35, { returned: [part(35)], providerCost: [cost(35)] }),
      refunded(5, { kind: 'goodwill' }),
    ];
    let kept = JSON.stringify(initialReceipt(TASK));
    for (const each of facts) kept = JSON.stringify(foldReceipt(JSON.parse(kept), each));
    expect(renderReceipt(JSON.parse(kept))).toEqual(receiptOf(TASK, facts));
  });
});
