// Money rules 3, 4, 5, 7, 9 and 12 in part: how holds end, what comes back, and to which grant.
import { describe, expect, it } from '@jest/globals';
import type { AccountCommand } from '#libs/ledger';
import { consume, given, only, refund, request, reserve } from '../test/given.js';

const START = '2026-11-01T00:00:00.000Z';
const DEC_24 = Date.parse('2026-12-24T00:00:00Z');

describe('consumption', () => {
  it('takes the whole hold for good', () => {
    const account = given(START).open('free');
    account.reserve('t', 70);
    const data = only(account.then(consume('t'), 'CreditsConsumed'), 'CreditsConsumed');
    expect(data).toMatchObject({ held: 70, consumed: 70, returned: [], reissued: [], policy: null, overConsumption: null });
    expect(account.balance()).toMatchObject({ available: 130, held: 0 });
  });

  it('in part takes in burn order, rounds down in the customer’s favour and returns the rest in reverse, all in one fact', () => {
    const account = given(START).open('free');
    account.grant('purchased', 100);
    account.grant('promotional', 100);
    account.reserve('t', 333);
    const data = only(account.then(consume('t', '0.7'), 'CreditsConsumed'), 'CreditsConsumed');
    expect(data.consumed).toBe(233);
    expect(data.parts.map((part) => [part.bucket, part.credits])).toEqual([
      ['subscription', 200],
      ['purchased', 33],
    ]);
    expect(data.returned.map((part) => [part.bucket, part.credits])).toEqual([
      ['promotional', 33],
      ['purchased', 67],
    ]);
    expect(data.parts[1]?.after).toEqual(data.returned[1]?.before);
    expect(account.buckets()).toEqual({ purchased: [67, 0], promotional: [100, 0] });
  });

  it.each([
    ['0', 0],
    ['0.000001', 0],
    ['0.01', 0],
    ['0.014286', 1],
    ['0.333333', 23],
    ['0.999999', 69],
    ['1', 70],
    ['1.000', 70],
  ])('of %s of 70 credits is %d', (fraction, consumed) => {
    const account = given(START).open('free');
    account.reserve('t', 70);
    expect(only(account.do(consume('t', fraction)), 'CreditsConsumed').consumed).toBe(consumed);
    expect(account.balance()).toMatchObject({ available: 200 - consumed, held: 0 });
  });

  it('computes parts of the largest amounts exactly', () => {
    const account = given(START).open('none');
    account.grant('purchased', 1_000_000_000_000);
    account.reserve('t', 999_999_999_999);
    expect(only(account.do(consume('t', '0.333333')), 'CreditsConsumed').consumed).toBe(333_332_999_999);
  });

  it.each(['', '-1', '.5', '1e0', 'NaN', '0.1234567', '0,5', '1000'])('refuses the unknown usage "%s": it is not zero', (fraction) => {
    const account = given(START).open('free');
    account.reserve('t', 70);
    account.refuses(consume('t', fraction), 'validation_failed', { errors: [{ pointer: '/deliveredFraction' }] });
    expect(account.balance()).toMatchObject({ held: 70 });
  });

  it('never takes more than was reserved: refused by default', () => {
    const account = given(START).open('free');
    account.reserve('t', 70);
    account.refuses(consume('t', '1.5'), 'conflict', { reserved: 70, used: 105 });
    expect(account.balance()).toMatchObject({ available: 130, held: 70 });
  });

  it('takes all that was reserved where the policy caps, and says so', () => {
    const account = given(START, { overConsumption: 'cap' }).open('free');
    account.reserve('t', 70);
    expect(only(account.do(consume('t', '1.5')), 'CreditsConsumed')).toMatchObject({
      consumed: 70,
      overConsumption: 'cap',
      deliveredFraction: '1.5',
    });
    expect(account.balance()).toMatchObject({ available: 130, held: 0 });
  });

  it('marks provider costs as absorbed exactly when nothing was consumed for them', () => {
    const cost = { attempt: 1, provider: 'p', providerJobId: 'j', model: 'm', cost: { currency: 'USD', amountMinor: 35 } };
    const account = given(START).open('free');
    for (const id of ['a', 'b', 'c']) account.reserve(id, 10);
    const absorbed = (command: AccountCommand): unknown =>
      (account.do(command)[0] as { data: { providerCost: unknown[] } }).data.providerCost;
    expect(absorbed({ type: 'Consume', reservationId: 'a', deliveredFraction: '0.1', providerCost: [cost] })).toEqual([
      { ...cost, absorbed: false },
    ]);
    expect(absorbed({ type: 'Consume', reservationId: 'b', deliveredFraction: '0', providerCost: [cost] })).toEqual([
      { ...cost, absorbed: true },
    ]);
    expect(absorbed({ type: 'Refund', reservationId: 'c', reason: 'failed', providerCost: [cost] })).toEqual([{ ...cost, absorbed: true }]);
    expect(account.do({ type: 'BookProviderCost', taskId: 'c', providerCost: cost })).toMatchObject([
      { type: 'ProviderCostBooked', data: { taskId: 'c', providerCost: { absorbed: true } } },
    ]);
  });
});

describe('a refund', () => {
  it('unwinds the recorded drawdown in reverse and never re-runs today’s order', () => {
    const account = given(START).open('free');
    account.grant('purchased', 100);
    account.reserve('t', 250);
    account.grant('purchased', 500, { expiresAt: DEC_24 });
    account.withPolicies({ burnOrder: ['referral', 'promotional', 'purchased', 'subscription'] });
    const data = only(account.then(refund('t'), 'CreditsRefunded'), 'CreditsRefunded');
    expect(data.returned.map((part) => [part.bucket, part.credits])).toEqual([
      ['purchased', 50],
      ['subscription', 200],
    ]);
    expect(account.buckets()).toEqual({ subscription: [200, 0], purchased: [600, 0] });
  });

  it('leaves the account as if the task had never been', () => {
    const account = given(START).open('free');
    account.grant('referral', 30);
    const before = account.balance();
    account.reserve('t', 215);
    account.do(refund('t'));
    expect(account.balance()).toEqual({ ...before, revision: before.revision + 2 });
  });
});

describe('a reservation ends once', () => {
  const endings: Array<[string, AccountCommand]> = [
    ['consumed', consume('t')],
    ['consumed in part', consume('t', '0.5')],
    ['refunded', refund('t')],
  ];
  for (const [first, one] of endings) {
    for (const [second, other] of endings) {
      it(`${first}, then ${second}: the second changes nothing`, () => {
        const account = given(START).open('free');
        account.reserve('t', 70);
        account.do(one);
        account.shrugs(other);
      });
    }
  }

  it('never held, never ended', () => {
    const account = given(START).open('free');
    account.shrugs(consume('unknown'));
    account.shrugs(refund('unknown'));
  });
});

describe('a hold of a grant that lapses meanwhile', () => {
  /** 60 purchased credits that cost 1,000, 35 of them held by t and 10 by u, lapsed with 15 unheld. */
  const lapsed = (policies: Parameters<typeof given>[1] = {}) => {
    const account = given(START, policies).open('none');
    const id = account.grant('purchased', 60, {
      expiresAt: DEC_24,
      reference: 'order 7',
      costBasis: { currency: 'USD', amountMinor: 1000 },
    });
    account.reserve('t', 35);
    account.reserve('u', 10);
    account.at('2026-12-24T00:00:00.000Z');
    return { account, id };
  };

  it('is honoured: consumption takes from it as if it lived', () => {
    const { account, id } = lapsed();
    account.then(consume('t'), 'CycleReset', 'CreditsExpired', 'CreditsConsumed');
    expect(account.grantOf(id)).toMatchObject({ available: 0, held: 10, consumed: 35, expired: 15 });
  });

  it('comes back as a grace grant of the same bucket that takes its cost along', () => {
    const { account, id } = lapsed();
    const facts = account.then(refund('t'), 'CycleReset', 'CreditsExpired', 'CreditsRefunded');
    const data = only(facts, 'CreditsRefunded');
    expect(data).toMatchObject({ returned: [], policy: { lapsedRefund: 'grace', graceDays: 7 } });
    // 15 of 60 expired: f(15) = 250. 35 more: f(50) = 833.
    expect(data.reissued).toMatchObject([
      {
        from: { grantId: id, credits: 35, before: { available: 0, held: 45, gone: 15 }, after: { available: 0, held: 10, gone: 50 } },
        grant: {
          bucket: 'purchased',
          credits: 35,
          expiresAt: '2026-12-31T00:00:00.000Z',
          reference: 'order 7',
          costBasis: { currency: 'USD', amountMinor: 583 },
          reissuedFrom: id,
        },
      },
    ]);
    expect(account.grantOf(id)).toMatchObject({ reissued: 35, expired: 15, held: 10 });
    expect(account.buckets()).toEqual({ purchased: [35, 10] });
    account.at('2026-12-31T00:00:00.000Z').then({ type: 'BookDue' }, 'CreditsExpired');
    expect(account.buckets()).toEqual({ purchased: [0, 10] });
  });

  it('comes back and expires, both visible, where the policy says so', () => {
    const { account, id } = lapsed({ lapsedRefund: 'expire' });
    const facts = account.then(refund('t'), 'CycleReset', 'CreditsExpired', 'CreditsRefunded', 'CreditsExpired');
    expect(only(facts, 'CreditsRefunded')).toMatchObject({
      returned: [{ grantId: id, credits: 35 }],
      reissued: [],
      policy: { lapsedRefund: 'expire' },
    });
    expect(facts.at(-1)).toMatchObject({
      data: { cause: 'lapsed_refund', taskId: 't', part: { credits: 35, before: { available: 35 }, after: { available: 0, gone: 50 } } },
    });
    expect(account.grantOf(id)).toMatchObject({ available: 0, expired: 50, held: 10 });
  });

  it('consumed in part, gives the rest its grace', () => {
    const { account, id } = lapsed();
    const data = only(account.do(consume('t', '0.4')), 'CreditsConsumed');
    expect(data).toMatchObject({
      consumed: 14,
      parts: [{ credits: 14, before: { gone: 15 }, after: { gone: 29 } }],
      returned: [],
      policy: { lapsedRefund: 'grace' },
    });
    expect(data.reissued).toMatchObject([
      { from: { credits: 21, before: { gone: 29 }, after: { gone: 50 } }, grant: { credits: 21, costBasis: { amountMinor: 833 - 483 } } },
    ]);
    expect(account.grantOf(id)).toMatchObject({ consumed: 14, reissued: 21 });
  });

  it('never lands in another bucket, whatever lives', () => {
    const { account } = lapsed();
    account.grant('promotional', 5);
    account.do({ type: 'ChangePlan', plan: 'free' });
    account.do(refund('t'));
    expect(account.buckets()).toEqual({ subscription: [200, 0], purchased: [35, 10], promotional: [5, 0] });
  });

  it('lapses from the very instant of its end on, not a millisecond before', () => {
    const account = given(START).open('none');
    account.grant('promotional', 10, { expiresAt: DEC_24 });
    account.at('2026-12-23T23:59:59.999Z').then(reserve(request('t', 5)), 'CycleReset', 'CreditsReserved');
    account.at('2026-12-24T00:00:00.000Z').refuses(reserve(request('u', 5)), 'insufficient_credits', { available: 0 });
  });

  it('is spent by nobody between its end and the sweep that books it', () => {
    const account = given(START).open('none');
    const id = account.grant('promotional', 10, { expiresAt: DEC_24 });
    account.at('2027-01-15T00:00:00.000Z');
    expect(account.balance()).toMatchObject({ available: 0, grants: [] });
    account.grant('promotional', 1);
    expect(account.grantOf(id)).toMatchObject({ available: 0, expired: 10 });
    expect(account.facts.find((fact) => fact.type === 'CreditsExpired')).toMatchObject({
      data: { effectiveAt: '2026-12-24T00:00:00.000Z', decidedAt: '2027-01-15T00:00:00.000Z' },
    });
  });
});

describe('a revoked grant', () => {
  it('gives up what is available now and what is held when it comes back; what was spent is forgiven', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100);
    account.reserve('spent', 20);
    account.do(consume('spent'));
    account.reserve('held', 30);
    account.then({ type: 'RevokeGrant', grantId: id, reason: 'error' }, 'GrantRevoked');
    expect(account.grantOf(id)).toMatchObject({ available: 0, held: 30, consumed: 20, revoked: 50 });
    account.shrugs({ type: 'RevokeGrant', grantId: id, reason: 'again' });
    const facts = account.then(consume('held', '0.5'), 'CreditsConsumed', 'GrantRevoked');
    expect(only(facts, 'GrantRevoked')).toMatchObject({
      cause: 'returned_hold',
      taskId: 'held',
      part: { credits: 15, before: { available: 15 } },
    });
    expect(account.grantOf(id)).toMatchObject({ available: 0, held: 0, consumed: 35, revoked: 65 });
  });

  it('touches no other grant, also not another of the same purchase', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100, { reference: 'r' });
    const other = account.grant('purchased', 100, { reference: 'r' });
    account.do({ type: 'RevokeGrant', grantId: id, reason: 'chargeback' });
    expect(account.grantOf(other)).toMatchObject({ available: 100, revoked: 0 });
    account.refuses({ type: 'RevokeGrant', grantId: 'grant_unknown', reason: 'x' }, 'not_found');
  });

  it('stays revoked though it lapsed as well', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 10, { expiresAt: DEC_24 });
    account.reserve('t', 10);
    account.do({ type: 'RevokeGrant', grantId: id, reason: 'error' });
    account.at('2027-01-01T00:00:00Z').do(refund('t'));
    expect(account.grantOf(id)).toMatchObject({ revoked: 10, expired: 0, reissued: 0 });
  });
});

describe('a late result that is taken', () => {
  const take = (fraction = '1'): AccountCommand => ({
    type: 'TakeLateResult',
    request: request('t.late', 70, { taskId: 't' }),
    deliveredFraction: fraction,
    providerCost: [],
  });

  it('is reserved and consumed in one append', () => {
    const account = given(START).open('free');
    account.reserve('t', 70);
    account.do(refund('t'));
    account.then(take('0.5'), 'CreditsReserved', 'CreditsConsumed');
    expect(account.balance()).toMatchObject({ available: 165, held: 0 });
  });

  it('passes the same gate as any other', () => {
    const account = given(START).open('free');
    account.reserve('u', 150);
    account.refuses(take(), 'insufficient_credits', { shortfall: 20 });
    account.do({ type: 'Suspend', reason: 'r' });
    account.refuses(take(), 'account_suspended');
  });
});
