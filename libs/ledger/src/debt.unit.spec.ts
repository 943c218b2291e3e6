// Debt: what was spent of money that went back is owed, and purchased credits repay it first, the oldest first, to the last minor unit.
import { describe, expect, it } from '@jest/globals';
import { settledMinor, type AccountCommand, type AccountFact } from '#libs/ledger';
import { consume, given, only, type AccountScript } from '../test/given.js';
import { postingsOf } from '../test/postings.reference.js';

const START = '2026-11-01T00:00:00.000Z';

function goodwill(account: AccountScript, taskId: string, credits: number, overConsumed = 0): AccountCommand {
  const consumed = account.facts.flatMap((fact) => (fact.type === 'CreditsConsumed' && fact.data.taskId === taskId ? fact.data.parts : []));
  return {
    ...{ type: 'RefundGoodwill', taskId, model: 'm', reservationId: taskId, credits, reason: 'sorry', overConsumed },
    consumed: consumed.map((part) => ({ grantId: part.grantId, credits: part.credits })),
  };
}

/** Spends purchases of their own sizes, each by a task, and takes them back. Answers their grants. */
function owe(
  account: AccountScript,
  ...purchases: Array<[taskId: string, credits: number, costBasis: { currency: string; amountMinor: number } | null]>
): string[] {
  const ids = purchases.map(([, credits, costBasis]) => account.grant('purchased', credits, { costBasis }));
  for (const [taskId, credits] of purchases) {
    account.reserve(taskId, credits);
    account.do(consume(taskId));
  }
  for (const grantId of ids) account.do({ type: 'RevokeGrant', grantId, reason: 'chargeback', spent: 'debt' });
  return ids;
}

function sum(facts: readonly AccountFact[], account: string, commodity: string): number {
  return facts
    .flatMap(postingsOf)
    .reduce((total, one) => (one.account === account && one.commodity === commodity ? total + one.amount : total), 0);
}

describe('debt', () => {
  it('is repaid by purchased credits when they are granted, the oldest first, in the same append', () => {
    const account = given(START).open('none');
    owe(account, ['a', 30, { currency: 'USD', amountMinor: 100 }], ['b', 20, { currency: 'EUR', amountMinor: 70 }]);
    expect(account.balance()).toMatchObject({ available: 0, debt: 50 });
    const facts = account.then(
      {
        type: 'GrantCredits',
        bucket: 'purchased',
        credits: 40,
        expiresAt: null,
        reference: 'inv-9',
        costBasis: { currency: 'USD', amountMinor: 200 },
      },
      'CreditsGranted',
      'DebtRepaid',
    );
    const repaid = only(facts, 'DebtRepaid');
    expect(repaid).toMatchObject({
      cause: 'purchase',
      credits: 40,
      part: { credits: 40, before: { available: 40 }, after: { available: 0, gone: 40 } },
    });
    expect(repaid.settlements).toMatchObject([
      { settled: 30, settledBefore: 0, settledAfter: 30, receivable: { currency: 'USD', amountMinor: 100 } },
      { settled: 10, settledBefore: 0, settledAfter: 10, receivable: { currency: 'EUR', amountMinor: 35 } },
    ]);
    expect(account.balance()).toMatchObject({ available: 0, debt: 10 });
    // Deferred 200, receivable 100 USD and 35 EUR: the difference in each currency.
    expect(sum(facts, 'revenue:debt', 'USD')).toBe(-100);
    expect(sum(facts, 'revenue:debt', 'EUR')).toBe(35);
    account.grant('purchased', 25);
    expect(account.balance()).toMatchObject({ available: 15, debt: 0 });
    expect(account.state.debts.size).toBe(0);
    expect(sum(account.facts, 'assets:receivable', 'EUR')).toBe(0);
    expect(sum(account.facts, 'debt', 'CREDIT')).toBe(0);
  });

  it('is repaid by no other bucket, and what there is can be spent', () => {
    const account = given(START).open('none');
    owe(account, ['a', 30, null]);
    for (const bucket of ['subscription', 'promotional', 'referral'] as const) account.grant(bucket, 10);
    expect(account.balance()).toMatchObject({ available: 30, debt: 30 });
    account.reserve('t', 30);
  });

  it('counts what repaid it as spent when that purchase is taken back too', () => {
    const account = given(START).open('none');
    owe(account, ['a', 30, { currency: 'USD', amountMinor: 100 }]);
    const id = account.grant('purchased', 40, { costBasis: { currency: 'USD', amountMinor: 400 } });
    expect(account.grantOf(id)).toMatchObject({ repaid: 30, available: 10 });
    const facts = account.do({ type: 'RevokeGrant', grantId: id, reason: 'chargeback', spent: 'debt' });
    expect(only(facts, 'DebtRecorded')).toMatchObject({ credits: 30, money: { amountMinor: 300 } });
    expect(account.balance()).toMatchObject({ available: 0, debt: 30 });
    expect(sum(account.facts, 'assets:clearing', 'USD')).toBe(0);
  });

  it('gives back its money by cumulative rounding, in any parts', () => {
    expect([0, 1, 2, 3].map((settled) => settledMinor({ currency: 'USD', amountMinor: 10 }, settled, 3))).toEqual([0, 3, 6, 10]);
    expect([0, 1, 2].map((settled) => settledMinor({ currency: 'USD', amountMinor: -1 }, settled, 2))).toEqual([0, -1, -1]);
  });
});

describe('goodwill on a task paid from a revoked grant', () => {
  it('lowers what is owed, its own debt first', () => {
    const account = given(START).open('none');
    const [, id = ''] = owe(account, ['a', 30, { currency: 'USD', amountMinor: 100 }], ['b', 20, { currency: 'USD', amountMinor: 70 }]);
    const facts = account.then(goodwill(account, 'b', 15), 'DebtRepaid');
    const repaid = only(facts, 'DebtRepaid');
    expect(repaid).toMatchObject({ cause: 'goodwill', credits: 15, goodwill: { taskId: 'b', fromGrantId: id, reason: 'sorry' } });
    expect(repaid.settlements).toMatchObject([{ grantId: id, settled: 15, receivable: { amountMinor: 52 } }]);
    expect(account.grantOf(id)).toMatchObject({ consumed: 5, revoked: 15, credits: 20 });
    expect(account.balance()).toMatchObject({ available: 0, debt: 35 });
    expect(sum(facts, 'revenue:usage:m', 'USD')).toBe(52);
    expect(sum(facts, 'consumed:m', 'CREDIT')).toBe(-15);
    account.refuses(goodwill(account, 'b', 6), 'conflict', { refundable: 5 });
  });

  it('is granted anew for what nobody owes any more', () => {
    const account = given(START).open('none');
    const [id] = owe(account, ['a', 30, null]);
    account.grant('purchased', 20);
    const facts = account.then(goodwill(account, 'a', 25), 'DebtRepaid', 'CreditsGranted');
    expect(only(facts, 'DebtRepaid')).toMatchObject({ credits: 10 });
    expect(only(facts, 'CreditsGranted')).toMatchObject({
      ...{ bucket: 'purchased', credits: 15, expiresAt: null, costBasis: null, cause: 'goodwill', goodwill: { fromGrantId: id } },
    });
    expect(account.balance()).toMatchObject({ available: 15, debt: 0 });
    account.refuses(goodwill(account, 'a', 6), 'conflict', { refundable: 5 });
  });
});

describe('more used than was held, under the policy debt', () => {
  it('consumes what was held and makes the rest debt, without money', () => {
    const account = given(START, { overConsumption: 'debt' }).open('none');
    account.grant('purchased', 100, { costBasis: { currency: 'USD', amountMinor: 999 } });
    account.reserve('t', 40);
    const facts = account.then(consume('t', '1.5'), 'CreditsConsumed', 'DebtRecorded');
    expect(only(facts, 'CreditsConsumed')).toMatchObject({ consumed: 40, overConsumption: 'debt' });
    expect(only(facts, 'DebtRecorded')).toMatchObject({
      cause: 'over_consumption',
      credits: 20,
      money: null,
      grantId: null,
      taskId: 't',
      model: 'm',
    });
    expect(sum(account.facts, 'consumed:m', 'CREDIT')).toBe(60);
    expect(account.balance()).toMatchObject({ available: 60, debt: 20 });
  });

  it('can be given back as goodwill: first what is owed, then a grant, then what was held', () => {
    const account = given(START, { overConsumption: 'debt' }).open('none');
    account.grant('promotional', 40);
    account.reserve('t', 40);
    account.do(consume('t', '1.5'));
    account.then(goodwill(account, 't', 15, 20), 'DebtRepaid');
    expect(account.balance()).toMatchObject({ available: 0, debt: 5 });
    account.grant('purchased', 5);
    account.then(goodwill(account, 't', 10, 20), 'CreditsRefunded', 'CreditsGranted');
    expect(account.buckets()).toEqual({ purchased: [5, 0], promotional: [5, 0] });
    account.refuses(goodwill(account, 't', 36, 20), 'conflict', { refundable: 35 });
  });
});
