import { describe, expect, it } from '@jest/globals';
import type { AccountFact, GrantPart } from '#libs/ledger';
import { consume, given, refund, type AccountScript } from '../../ledger/test/given.js';
import { effectiveAtOf, postingsOf, type JournalFact } from './postings.js';

/** `account amount commodity` of every posting, in order. */
function entry(fact: JournalFact): string[] {
  return postingsOf(fact, 'acc_1').map(({ account, amount, commodity }) => `${account} ${amount} ${commodity}`);
}

function entries(facts: readonly AccountFact[]): string[][] {
  return facts.map(entry).filter((postings) => postings.length > 0);
}

const USD = (amountMinor: number) => ({ currency: 'USD', amountMinor });
const START = '2026-01-01T00:00:00.000Z';

/** An account without an allowance, with one paid grant of 300 credits for 9.99. */
function paid(policies: Parameters<typeof given>[1] = {}, more: object = {}): { account: AccountScript; grantId: string } {
  const account = given(START, policies).open('none');
  return { account, grantId: account.grant('purchased', 300, { costBasis: USD(999), ...more }) };
}

describe('what a fact posts', () => {
  it('granted: issued to available, and clearing to deferred revenue where it was paid for', () => {
    const { account } = paid();
    expect(entry(account.facts.at(-1) as AccountFact)).toEqual([
      'issued:purchased -300 CREDIT',
      'customer:acc_1:purchased:available 300 CREDIT',
      'assets:clearing 999 USD',
      'liabilities:deferred-revenue -999 USD',
    ]);
    account.grant('promotional', 20);
    expect(entry(account.facts.at(-1) as AccountFact)).toEqual([
      'issued:promotional -20 CREDIT',
      'customer:acc_1:promotional:available 20 CREDIT',
    ]);
  });

  it('reserved: available to held, one posting a grant however many tasks one fact holds for', () => {
    const { account } = paid();
    const request = (taskId: string, credits: number, model: string) => ({
      ...{
        reservationId: taskId,
        taskId,
        model,
        priceVersion: `${model}@1`,
        credits,
        minimumPlan: 'none',
        minimumPlanRank: 0,
        quote: null,
      },
    });
    const [fact] = account.do({
      type: 'Reserve',
      requests: [request('t1', 10, 'a'), request('t2', 5, 'b'), request('t3', 1, 'b')],
      openTasksMax: 9,
    });
    expect(entry(fact as AccountFact)).toEqual([
      'customer:acc_1:purchased:available -16 CREDIT',
      'customer:acc_1:purchased:held 16 CREDIT',
    ]);
    const [, held] = postingsOf(fact as AccountFact, 'acc_1');
    expect([held?.taskId, held?.model]).toEqual([null, null]);
    // Each model's part is still known.
    expect(held?.flows).toEqual([
      { figure: 'reserved', model: 'a', amount: 10 },
      { figure: 'reserved', model: 'b', amount: 6 },
    ]);
  });

  it('consumed in part: held to the model and back in one entry, recognised by cumulative rounding', () => {
    const { account } = paid();
    account.reserve('t1', 101);
    expect(entries(account.do(consume('t1', '0.5')))).toEqual([
      [
        'customer:acc_1:purchased:held -101 CREDIT',
        'consumed:m 50 CREDIT',
        // ⌊999 × 50 ÷ 300⌋
        'liabilities:deferred-revenue 166 USD',
        'revenue:usage:m -166 USD',
        'customer:acc_1:purchased:available 51 CREDIT',
      ],
    ]);
  });

  it('recognises a used-up grant to the last minor unit, whatever the parts', () => {
    const { account } = paid();
    let recognised = 0;
    for (const [index, credits] of [7, 93, 100, 99, 1].entries()) {
      account.reserve(`t${index}`, credits);
      for (const posting of account.do(consume(`t${index}`)).flatMap((fact) => postingsOf(fact, 'acc_1')))
        if (posting.account === 'revenue:usage:m') recognised -= posting.amount;
    }
    expect(recognised).toBe(999);
  });

  it('refunded from a hold: back to available, no money', () => {
    const { account } = paid();
    account.reserve('t1', 70);
    expect(entries(account.do(refund('t1')))).toEqual([
      ['customer:acc_1:purchased:held -70 CREDIT', 'customer:acc_1:purchased:available 70 CREDIT'],
    ]);
  });

  it('refunded after consumption: the model to available, and the recognised part goes back', () => {
    const { account, grantId } = paid();
    account.reserve('t1', 70);
    account.do(consume('t1'));
    const facts = account.do({
      ...{
        type: 'RefundGoodwill',
        taskId: 't1',
        model: 'm',
        reservationId: 't1',
        credits: 30,
        reason: 'sorry',
        consumed: [{ grantId, credits: 70 }],
      },
    });
    // f(70) − f(40) = 233 − 133
    expect(entries(facts)).toEqual([
      [
        'consumed:m -30 CREDIT',
        'customer:acc_1:purchased:available 30 CREDIT',
        'revenue:usage:m 100 USD',
        'liabilities:deferred-revenue -100 USD',
      ],
    ]);
  });

  it('lapsed: available to expired and deferred revenue to breakage, at the grant’s own end', () => {
    const { account } = paid({}, { expiresAt: Date.parse('2026-01-10T00:00:00Z') });
    const [fact] = account.at('2026-01-12T00:00:00.000Z').do({ type: 'BookDue' }) as [AccountFact];
    expect(entry(fact)).toEqual([
      'customer:acc_1:purchased:available -300 CREDIT',
      'expired:purchased 300 CREDIT',
      'liabilities:deferred-revenue 999 USD',
      'revenue:breakage -999 USD',
    ]);
    expect(effectiveAtOf(fact, account.now)).toBe(Date.parse('2026-01-10T00:00:00Z'));
  });

  it('reset: what lapses and what is granted, in one entry at the boundary', () => {
    const account = given(START).open('free');
    const [fact] = account.at('2026-02-01T00:00:05.000Z').do({ type: 'BookDue' }) as [AccountFact];
    expect(entry(fact)).toEqual([
      'customer:acc_1:subscription:available -200 CREDIT',
      'expired:subscription 200 CREDIT',
      'issued:subscription -200 CREDIT',
      'customer:acc_1:subscription:available 200 CREDIT',
    ]);
    expect(effectiveAtOf(fact, account.now)).toBe(Date.parse('2026-02-01T00:00:00Z'));
  });

  it('refunded to a lapsed grant: with grace to a new grant without money, else expired with breakage', () => {
    const expiresAt = Date.parse('2026-01-10T00:00:00Z');
    const grace = paid({ lapsedRefund: 'grace' }, { expiresAt }).account;
    grace.reserve('t1', 70);
    const graced = entries(grace.at('2026-01-11T00:00:00.000Z').do(refund('t1')));
    expect(graced.at(-1)).toEqual(['customer:acc_1:purchased:held -70 CREDIT', 'customer:acc_1:purchased:available 70 CREDIT']);
    const expire = paid({ lapsedRefund: 'expire' }, { expiresAt }).account;
    expire.reserve('t1', 70);
    const expired = entries(expire.at('2026-01-11T00:00:00.000Z').do(refund('t1')));
    expect(expired.slice(-2)).toEqual([
      ['customer:acc_1:purchased:held -70 CREDIT', 'customer:acc_1:purchased:available 70 CREDIT'],
      [
        'customer:acc_1:purchased:available -70 CREDIT',
        'expired:purchased 70 CREDIT',
        'liabilities:deferred-revenue 234 USD',
        'revenue:breakage -234 USD',
      ],
    ]);
  });

  it('revoked: available to revoked, deferred revenue back to clearing', () => {
    const { account, grantId } = paid();
    account.reserve('t1', 100);
    account.do(consume('t1'));
    expect(entries(account.do({ type: 'RevokeGrant', grantId, reason: 'twice' }))).toEqual([
      [
        'customer:acc_1:purchased:available -200 CREDIT',
        'revoked:purchased 200 CREDIT',
        'liabilities:deferred-revenue 666 USD',
        'assets:clearing -666 USD',
      ],
    ]);
  });

  it('a lost dispute: clearing gives back exactly the cost basis, and what was spent is owed; a purchase repays it', () => {
    const { account, grantId } = paid();
    account.reserve('t1', 100);
    account.do(consume('t1'));
    account.do({ type: 'OpenDispute', disputeId: 'dispute_1', reference: null, grantId, reason: 'fraud' });
    const lost = account.do({ type: 'EndDispute', disputeId: 'dispute_1', outcome: 'lost' });
    expect(entries(lost)).toEqual([
      [
        'customer:acc_1:purchased:available -200 CREDIT',
        'revoked:purchased 200 CREDIT',
        'liabilities:deferred-revenue 666 USD',
        'assets:clearing -666 USD',
      ],
      ['debt:acc_1 -100 CREDIT', 'revoked:purchased:spent 100 CREDIT', 'assets:receivable:acc_1 333 USD', 'assets:clearing -333 USD'],
    ]);
    const bought = account.do({
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 200,
      expiresAt: null,
      reference: null,
      costBasis: USD(500),
    });
    expect(entries(bought).at(-1)).toEqual([
      'customer:acc_1:purchased:available -100 CREDIT',
      'liabilities:deferred-revenue 250 USD',
      'debt:acc_1 100 CREDIT',
      'assets:receivable:acc_1 -333 USD',
      'revenue:debt 83 USD',
    ]);
  });

  it('a debt repaid in another currency: the difference of each stands by itself', () => {
    const { account, grantId } = paid();
    account.reserve('t1', 100);
    account.do(consume('t1'));
    account.do({ type: 'RevokeGrant', grantId, reason: 'chargeback', spent: 'debt' });
    const bought = account.do({
      type: 'GrantCredits',
      bucket: 'purchased',
      credits: 100,
      expiresAt: null,
      reference: null,
      costBasis: { currency: 'EUR', amountMinor: 400 },
    });
    expect(entries(bought).at(-1)).toEqual([
      'customer:acc_1:purchased:available -100 CREDIT',
      'liabilities:deferred-revenue 400 EUR',
      'debt:acc_1 100 CREDIT',
      'assets:receivable:acc_1 -333 USD',
      'revenue:debt -400 EUR',
      'revenue:debt 333 USD',
    ]);
  });

  it('goodwill on what is owed: the debt and its receivable fall, the model’s revenue too', () => {
    const { account, grantId } = paid();
    account.reserve('t1', 100);
    account.do(consume('t1'));
    account.do({ type: 'RevokeGrant', grantId, reason: 'chargeback', spent: 'debt' });
    const facts = account.do({
      ...{
        type: 'RefundGoodwill',
        taskId: 't1',
        model: 'm',
        reservationId: 't1',
        credits: 40,
        reason: 'sorry',
        consumed: [{ grantId, credits: 100 }],
      },
    });
    expect(entries(facts)).toEqual([
      ['consumed:m -40 CREDIT', 'debt:acc_1 40 CREDIT', 'revenue:usage:m 133 USD', 'assets:receivable:acc_1 -133 USD'],
    ]);
  });

  it('adjusted up and down', () => {
    const { account } = paid();
    const adjust = (credits: number) => ({
      ...({
        type: 'Adjust',
        adjustmentId: `adj_${credits}`,
        bucket: 'purchased',
        credits,
        reason: 'r',
        ticket: 'T',
        requestedBy: 'k',
      } as const),
    });
    expect(entries(account.do(adjust(50)))).toEqual([['adjusted:purchased -50 CREDIT', 'customer:acc_1:purchased:available 50 CREDIT']]);
    expect(entries(account.do(adjust(-100)))).toEqual([
      [
        'customer:acc_1:purchased:available -100 CREDIT',
        'adjusted:purchased 100 CREDIT',
        'liabilities:deferred-revenue 333 USD',
        'revenue:adjustment -333 USD',
      ],
    ]);
  });

  it('provider cost: on the provider where credits were consumed, absorbed where none were', () => {
    const { account } = paid();
    const cost = { attempt: 1, provider: 'north', providerJobId: 'j', model: 'm', cost: USD(31) };
    account.reserve('t1', 10);
    account.reserve('t2', 10);
    expect(entries(account.do({ ...consume('t1'), providerCost: [cost] } as never))[0]?.slice(-2)).toEqual([
      'expenses:provider:north 31 USD',
      'liabilities:provider:north -31 USD',
    ]);
    expect(entries(account.do({ ...refund('t2'), providerCost: [cost] } as never))[0]?.slice(-2)).toEqual([
      'expenses:absorbed:north 31 USD',
      'liabilities:provider:north -31 USD',
    ]);
    expect(entries(account.do({ type: 'BookProviderCost', taskId: 't2', providerCost: cost }))).toEqual([
      ['expenses:absorbed:north 31 USD', 'liabilities:provider:north -31 USD'],
    ]);
  });

  it('a bill’s line: the difference on the attempt’s account, an orphan’s amount apart, at the instant billed', () => {
    const line = {
      ...{ billId: 'bill_1', line: 2, provider: 'north', providerJobId: 'j', billedAt: '2026-01-05T00:00:00.000Z' },
      ...{ billed: USD(27), units: null, state: 'amount_differs' as const },
      ...{ booked: USD(-4), expense: 'provider' as const, accountId: 'acc_1', taskId: 't', model: 'm' },
    } as const;
    const fact: JournalFact = { type: 'BillLineBooked', data: line };
    expect(entry(fact)).toEqual(['expenses:provider:north -4 USD', 'liabilities:provider:north 4 USD']);
    expect(effectiveAtOf(fact, Date.parse('2026-02-01'))).toBe(Date.parse('2026-01-05'));
    const orphan: JournalFact = {
      type: 'BillLineBooked',
      data: { ...line, booked: USD(9), expense: 'unmatched' as const, accountId: null, taskId: null, model: null },
    };
    expect(entry(orphan)).toEqual(['expenses:unmatched:north 9 USD', 'liabilities:provider:north -9 USD']);
  });

  it('moves nothing for what moves nothing', () => {
    const { account, grantId } = paid();
    const facts = [
      ...account.do({ type: 'Suspend', reason: 'r' }),
      ...account.do({ type: 'Resume', reason: 'r' }),
      ...account.do({ type: 'ChangePlan', plan: 'free' }),
      ...account.do({ type: 'OpenDispute', disputeId: 'dispute_1', reference: null, grantId, reason: 'r' }),
      ...account.do({ type: 'EndDispute', disputeId: 'dispute_1', outcome: 'won' }),
    ].filter(({ type }) => type !== 'CreditsGranted');
    expect(facts.flatMap(entry)).toEqual([]);
  });
});

/** A grant of the largest size and price: products pass what a number counts exactly. */
describe('money of any size', () => {
  it('is recognised exactly', () => {
    const part: GrantPart = {
      ...{
        grantId: 'g',
        bucket: 'purchased',
        credits: 1,
        size: 1_000_000_000_000,
        costBasis: USD(Number.MAX_SAFE_INTEGER),
        expiresAt: null,
      },
      before: { available: 0, held: 1, gone: 999_999_999_998 },
      after: { available: 0, held: 0, gone: 999_999_999_999 },
    };
    const fact: AccountFact = {
      type: 'CreditsExpired',
      data: { decidedAt: START, part, cause: 'expiry', effectiveAt: START, taskId: null },
    };
    const f = (x: bigint): bigint => (BigInt(Number.MAX_SAFE_INTEGER) * x) / 1_000_000_000_000n;
    const money = postingsOf(fact, 'acc_1').find(({ account }) => account === 'revenue:breakage');
    expect(BigInt(-(money?.amount ?? 0))).toBe(f(999_999_999_999n) - f(999_999_999_998n));
  });
});
