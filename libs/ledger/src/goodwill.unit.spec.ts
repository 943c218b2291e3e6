// Money rule 11: goodwill gives back what a task consumed and never more, however often it is asked for.
import { describe, expect, it } from '@jest/globals';
import type { AccountCommand } from '#libs/ledger';
import { consume, given, only, refund, type AccountScript } from '../test/given.js';

const START = '2026-11-01T00:00:00.000Z';

function goodwill(account: AccountScript, taskId: string, credits: number, reason = 'sorry'): AccountCommand {
  const consumed = account.facts.flatMap((fact) => (fact.type === 'CreditsConsumed' && fact.data.taskId === taskId ? fact.data.parts : []));
  return {
    type: 'RefundGoodwill',
    taskId,
    model: 'm',
    reservationId: taskId,
    credits,
    reason,
    consumed: consumed.map((part) => ({ grantId: part.grantId, credits: part.credits })),
  };
}

/** 200 subscription and 100 purchased credits consumed by t. */
function spent(policies: Parameters<typeof given>[1] = {}) {
  const account = given(START, policies).open('free');
  const purchased = account.grant('purchased', 100, { costBasis: { currency: 'USD', amountMinor: 999 } });
  account.reserve('t', 270);
  account.do(consume('t'));
  return { account, purchased };
}

describe('goodwill', () => {
  it('returns to the grants the credits came from, last drawn first', () => {
    const { account, purchased } = spent();
    const data = only(account.then(goodwill(account, 't', 100), 'CreditsRefunded'), 'CreditsRefunded');
    expect(data).toMatchObject({ kind: 'goodwill', credits: 100, reason: 'sorry', policy: null });
    expect(data.returned.map((part) => [part.bucket, part.credits])).toEqual([
      ['purchased', 70],
      ['subscription', 30],
    ]);
    expect(account.grantOf(purchased)).toMatchObject({ available: 100, consumed: 0 });
    expect(account.balance()).toMatchObject({ available: 130 });
  });

  it('is bounded for ever by what the task consumed', () => {
    const { account } = spent();
    account.do(goodwill(account, 't', 100));
    account.do(goodwill(account, 't', 169));
    account.refuses(goodwill(account, 't', 2), 'conflict', { consumed: 270, refunded: 269, refundable: 1 });
    account.do(goodwill(account, 't', 1));
    account.at('2027-06-01T00:00:00Z').refuses(goodwill(account, 't', 1), 'conflict', { refundable: 0 });
  });

  it('is refused where nothing was consumed', () => {
    const account = given(START).open('free');
    account.reserve('t', 10);
    account.refuses(goodwill(account, 't', 1), 'already_settled');
    account.do(refund('t'));
    account.refuses(goodwill(account, 't', 1), 'already_settled');
  });

  it.each([0, -1, 0.5, NaN, Infinity])('refuses %d credits', (credits) => {
    const { account } = spent();
    account.refuses(goodwill(account, 't', credits), 'validation_failed', { errors: [{ pointer: '/credits' }] });
  });

  it('needs a reason', () => {
    const { account } = spent();
    account.refuses(goodwill(account, 't', 1, '  '), 'validation_failed', { errors: [{ pointer: '/reason' }] });
  });

  it('to a lapsed grant becomes a grace grant with the money that the goodwill took back', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100, {
      expiresAt: Date.parse('2026-11-10T00:00:00Z'),
      costBasis: { currency: 'USD', amountMinor: 999 },
    });
    account.reserve('t', 70);
    account.do(consume('t'));
    account.at('2026-11-11T00:00:00Z');
    const data = only(account.then(goodwill(account, 't', 40), 'CreditsExpired', 'CreditsRefunded'), 'CreditsRefunded');
    // All 100 are gone: f(100) − f(60) = 999 − 599.
    expect(data).toMatchObject({
      policy: { lapsedRefund: 'grace' },
      returned: [],
      reissued: [
        {
          from: { grantId: id, credits: 40 },
          grant: { credits: 40, expiresAt: '2026-11-18T00:00:00.000Z', costBasis: { amountMinor: 400 } },
        },
      ],
    });
    expect(account.grantOf(id)).toMatchObject({ consumed: 30, reissued: 40, expired: 30 });
    account.refuses(goodwill(account, 't', 31), 'conflict', { refundable: 30 });
  });

  it('to a lapsed grant comes back and expires, where the policy says so', () => {
    const account = given(START, { lapsedRefund: 'expire' }).open('none');
    const id = account.grant('purchased', 100, { expiresAt: Date.parse('2026-11-10T00:00:00Z') });
    account.reserve('t', 70);
    account.do(consume('t'));
    account.at('2026-11-11T00:00:00Z').then(goodwill(account, 't', 40), 'CreditsExpired', 'CreditsRefunded', 'CreditsExpired');
    expect(account.grantOf(id)).toMatchObject({ consumed: 30, expired: 70, available: 0 });
  });

  it('on a revoked grant is a new grant of the bucket, without end and cost, and counts against the bound', () => {
    const { account, purchased } = spent();
    account.do({ type: 'RevokeGrant', grantId: purchased, reason: 'chargeback' });
    const facts = account.then(goodwill(account, 't', 90), 'CreditsRefunded', 'CreditsGranted');
    expect(only(facts, 'CreditsRefunded')).toMatchObject({ credits: 20, returned: [{ bucket: 'subscription', credits: 20 }] });
    expect(only(facts, 'CreditsGranted')).toMatchObject({
      bucket: 'purchased',
      credits: 70,
      expiresAt: null,
      costBasis: null,
      cause: 'goodwill',
      goodwill: { taskId: 't', fromGrantId: purchased, reason: 'sorry' },
    });
    account.refuses(goodwill(account, 't', 181), 'conflict', { refundable: 180 });
  });
});
