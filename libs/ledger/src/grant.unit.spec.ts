// What may be granted, what a grant shows, and how its money is recognised.
import { describe, expect, it } from '@jest/globals';
import { CREDITS_MAX } from '#libs/kernel';
import { grantView, isCurrency, movedBasis, nextDueAt, recognisedMinor, type AccountCommand } from '#libs/ledger';
import { consume, given } from '../test/given.js';

const START = '2026-11-01T00:00:00.000Z';
const grant = (more: Partial<Extract<AccountCommand, { type: 'GrantCredits' }>>): AccountCommand => ({
  ...{ type: 'GrantCredits', bucket: 'purchased', credits: 10, expiresAt: null, reference: null, costBasis: null },
  ...more,
});

describe('a grant', () => {
  it.each([
    ['/credits', { credits: 0 }],
    ['/credits', { credits: -5 }],
    ['/credits', { credits: 1.5 }],
    ['/credits', { credits: CREDITS_MAX + 1 }],
    ['/credits', { credits: NaN }],
    ['/bucket', { bucket: 'gold' as never }],
    ['/expiresAt', { expiresAt: Date.parse(START) }],
    ['/expiresAt', { expiresAt: NaN }],
    ['/reference', { reference: 'r'.repeat(256) }],
    ['/costBasis', { bucket: 'promotional' as const, costBasis: { currency: 'USD', amountMinor: 1 } }],
    ['/costBasis', { bucket: 'referral' as const, costBasis: { currency: 'USD', amountMinor: 0 } }],
    ['/costBasis/currency', { costBasis: { currency: 'usd', amountMinor: 1 } }],
    ['/costBasis/currency', { costBasis: { currency: 'DEM', amountMinor: 1 } }],
    ['/costBasis/currency', { costBasis: { currency: 'XTS', amountMinor: 1 } }],
    ['/costBasis/amountMinor', { costBasis: { currency: 'USD', amountMinor: -1 } }],
    ['/costBasis/amountMinor', { costBasis: { currency: 'USD', amountMinor: 0.5 } }],
    ['/costBasis/amountMinor', { costBasis: { currency: 'USD', amountMinor: 2 ** 53 } }],
  ])('is refused for a bad %s', (pointer, bad) => {
    given(START)
      .open('free')
      .refuses(grant(bad), 'validation_failed', { errors: [{ pointer }] });
  });

  it('is taken at the limits of what can be counted', () => {
    const account = given(START).open('none');
    account.do(grant({ credits: CREDITS_MAX, costBasis: { currency: 'KWD', amountMinor: Number.MAX_SAFE_INTEGER } }));
    account.reserve('t', CREDITS_MAX - 1);
    account.do(consume('t'));
    const [id] = [...account.state.grants.keys()] as [string];
    const view = grantView('acc_1', account.grantOf(id), account.now, '0');
    // f(N − 1) of 2^53 − 1 and 10^12, in integers.
    expect(view.recognisedMinor).toBe(Number((BigInt(Number.MAX_SAFE_INTEGER) * BigInt(CREDITS_MAX - 1)) / BigInt(CREDITS_MAX)));
    expect((view.recognisedMinor ?? 0) + (view.deferredMinor ?? 0)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('never makes an account hold more than can be counted exactly', () => {
    const account = given(START).open('none');
    for (let i = 0; i < 9007; i += 1) account.state.available += CREDITS_MAX;
    account.refuses(grant({ credits: CREDITS_MAX }), 'validation_failed', { errors: [{ pointer: '/credits' }] });
  });

  it('leaves room for what plans grant by themselves, which nobody can refuse', () => {
    const account = given(START).open('none');
    for (let i = 0; i < 9000; i += 1) account.state.available += CREDITS_MAX;
    account.refuses(grant({ credits: CREDITS_MAX }), 'validation_failed', { errors: [{ pointer: '/credits' }] });
  });

  it('of cost 0 has none', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 10, { costBasis: { currency: 'USD', amountMinor: 0 } });
    expect(grantView('acc_1', account.grantOf(id), account.now, '0')).toMatchObject({
      costBasis: null,
      recognisedMinor: null,
      deferredMinor: null,
    });
  });

  it('shows where every credit is and what has been recognised', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 30, {
      reference: 'order 1',
      expiresAt: Date.parse('2026-11-20T00:00:00Z'),
      costBasis: { currency: 'USD', amountMinor: 100 },
    });
    account.reserve('a', 7);
    account.do(consume('a'));
    account.reserve('b', 5);
    const shown = {
      ...{ id, accountId: 'acc_1', bucket: 'purchased', credits: 30, revoked: 0, reissued: 0, adjusted: 0, repaid: 0, frozen: 0 },
      ...{
        grantedAt: START,
        expiresAt: '2026-11-20T00:00:00.000Z',
        reference: 'order 1',
        costBasis: { currency: 'USD', amountMinor: 100 },
        reissuedFrom: null,
        disputeId: null,
        position: '42',
      },
    };
    expect(grantView('acc_1', account.grantOf(id), account.now, '42')).toEqual({
      ...shown,
      available: 18,
      held: 5,
      consumed: 7,
      expired: 0,
      recognisedMinor: 23,
      deferredMinor: 77,
    });
    // Past its end, before that was booked, its unheld credits already count as expired.
    const later = Date.parse('2026-11-20T00:00:00Z');
    expect(grantView('acc_1', account.grantOf(id), later, '42')).toEqual({
      ...shown,
      available: 0,
      held: 5,
      consumed: 7,
      expired: 18,
      recognisedMinor: 83,
      deferredMinor: 17,
    });
  });

  it('says when it is next due', () => {
    const account = given(START);
    expect(nextDueAt(account.state)).toBeNull();
    account.open('none');
    expect(nextDueAt(account.state)).toBe(Date.parse('2026-12-01T00:00:00Z'));
    account.grant('promotional', 5, { expiresAt: Date.parse('2026-11-07T00:00:00Z') });
    expect(nextDueAt(account.state)).toBe(Date.parse('2026-11-07T00:00:00Z'));
    account.reserve('t', 5);
    expect(nextDueAt(account.state)).toBe(Date.parse('2026-12-01T00:00:00Z'));
  });
});

describe('recognition', () => {
  it('is cumulative: the parts add up to the whole in any order of use', () => {
    const costBasis = { currency: 'USD', amountMinor: 1000 };
    for (const parts of [[1, 1, 1], [2, 1], [1, 2], [3]]) {
      let gone = 0;
      let sum = 0;
      for (const part of parts) {
        sum += movedBasis(costBasis, gone, gone + part, 3)?.amountMinor ?? 0;
        gone += part;
      }
      expect(sum).toBe(1000);
    }
    expect([0, 1, 2, 3].map((gone) => recognisedMinor(costBasis, gone, 3))).toEqual([0, 333, 666, 1000]);
  });

  it('carries nothing where there is nothing: 0 is the same as none', () => {
    expect(movedBasis(null, 0, 5, 10)).toBeNull();
    expect(movedBasis({ currency: 'USD', amountMinor: 1 }, 0, 5, 10)).toBeNull();
  });
});

describe('currencies', () => {
  it('are the active ones of ISO 4217 that have minor units', () => {
    for (const code of ['USD', 'EUR', 'JPY', 'KWD', 'CHF']) expect(isCurrency(code)).toBe(true);
    for (const code of ['usd', 'DEM', 'XXX', 'XTS', 'XAU', 'BTC', '', 'CREDIT']) expect(isCurrency(code)).toBe(false);
  });
});
