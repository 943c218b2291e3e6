// Money rules 1, 2, 13 and the gate: what a reservation takes, in which order, and what it is refused for.
import { describe, expect, it } from '@jest/globals';
import { CREDITS_MAX } from '#libs/kernel';
import { previewReserve } from '#libs/ledger';
import { consume, given, only, refund, request, reserve } from '../test/given.js';

const START = '2026-11-01T00:00:00.000Z';
const quote = (quantity: number) => ({ id: 'q', quantity, expiresAt: Date.parse('2026-11-01T00:15:00Z') });

describe('burn order', () => {
  it('draws subscription, purchased, promotional, then referral credits', () => {
    const account = given(START).open('free');
    for (const bucket of ['referral', 'promotional', 'purchased'] as const) account.grant(bucket, 100);
    const [held] = only(account.reserve('t', 450), 'CreditsReserved').reservations;
    expect(held?.drawdown.map((part) => [part.bucket, part.credits])).toEqual([
      ['subscription', 200],
      ['purchased', 100],
      ['promotional', 100],
      ['referral', 50],
    ]);
  });

  it('follows the deployment’s own order of buckets, and names it in the fact', () => {
    const burnOrder = ['referral', 'promotional', 'purchased', 'subscription'] as const;
    const account = given(START, { burnOrder }).open('free');
    account.grant('referral', 100);
    const data = only(account.reserve('t', 150), 'CreditsReserved');
    expect(data.burnOrder).toEqual(burnOrder);
    expect(data.reservations[0]?.drawdown.map((part) => part.bucket)).toEqual(['referral', 'subscription']);
  });

  it('draws the earliest end first, no end last, then the earliest grant, then the lowest id', () => {
    const account = given(START).open('none');
    const never = account.grant('purchased', 10);
    const late = account.grant('purchased', 10, { expiresAt: Date.parse('2027-02-01T00:00:00Z') });
    const soon = account.grant('purchased', 10, { expiresAt: Date.parse('2027-01-01T00:00:00Z') });
    account.at('2026-11-02T00:00:00Z');
    const younger = account.grant('purchased', 10, { expiresAt: Date.parse('2027-01-01T00:00:00Z') });
    const [held] = only(account.reserve('t', 40), 'CreditsReserved').reservations;
    expect(held?.drawdown.map((part) => part.grantId)).toEqual([soon, younger, late, never]);
  });

  it('follows changes of the grants', () => {
    const account = given(START).open('free');
    account.grant('purchased', 100);
    account.reserve('a', 250);
    account.do(refund('a'));
    const soon = account.grant('purchased', 50, { expiresAt: Date.parse('2026-11-20T00:00:00Z') });
    const [held] = only(account.reserve('b', 260), 'CreditsReserved').reservations;
    expect(held?.drawdown.map((part) => [part.bucket, part.credits])).toEqual([
      ['subscription', 200],
      ['purchased', 50],
      ['purchased', 10],
    ]);
    expect(held?.drawdown[1]?.grantId).toBe(soon);
  });

  it('states each grant before and after, also when one fact holds several reservations of it', () => {
    const account = given(START).open('free');
    const data = only(account.do(reserve(request('a', 70), request('b', 50))), 'CreditsReserved');
    expect(data.reservations.map((terms) => terms.drawdown)).toMatchObject([
      [{ credits: 70, size: 200, before: { available: 200, held: 0, gone: 0 }, after: { available: 130, held: 70, gone: 0 } }],
      [{ credits: 50, size: 200, before: { available: 130, held: 70, gone: 0 }, after: { available: 80, held: 120, gone: 0 } }],
    ]);
  });
});

describe('the gate', () => {
  it('refuses what the credits do not cover, to the last credit, and changes nothing', () => {
    const account = given(START).open('free');
    account.refuses(reserve(request('t', 201)), 'insufficient_credits', { required: 201, available: 200, shortfall: 1 });
    account.then(reserve(request('t', 200)), 'CreditsReserved');
    account.refuses(reserve(request('u', 1)), 'insufficient_credits', { required: 1, available: 0, shortfall: 1 });
  });

  it('never lets open holds be spent again: ten of two hundred submissions fit', () => {
    const account = given(START).open('free');
    let accepted = 0;
    for (let i = 0; i < 200; i += 1)
      if (Array.isArray(account.decide(reserve(request(`t${i}`, 20))))) accepted += account.reserve(`t${i}`, 20).length;
    expect(accepted).toBe(10);
    expect(account.buckets()).toEqual({ subscription: [0, 200] });
  });

  it('reserves a batch whole or not at all, with the shortfall of the whole', () => {
    const account = given(START).open('free');
    account.refuses(reserve(request('a', 150), request('b', 150)), 'insufficient_credits', {
      required: 300,
      available: 200,
      shortfall: 100,
    });
    expect(account.state.reservations.size).toBe(0);
  });

  it('adds up a batch of the largest prices exactly', () => {
    const account = given(START).open('free');
    const requests = Array.from({ length: 500 }, (_, i) => request(`t${i}`, CREDITS_MAX));
    account.refuses(reserve(...requests), 'insufficient_credits', { required: 500 * CREDITS_MAX });
  });

  it('judges the plan before the credits', () => {
    const account = given(START).open('free');
    const needsMax = request('t', 5000, { minimumPlan: 'max', minimumPlanRank: 4 });
    account.refuses(reserve(request('s', 1), needsMax), 'plan_required', { requiredPlan: 'max', accountPlan: 'free' });
  });

  it('refuses a suspended account nothing but reservations', () => {
    const account = given(START).open('free');
    account.reserve('t', 10);
    account.do({ type: 'Suspend', reason: 'unpaid' });
    account.shrugs({ type: 'Suspend', reason: 'unpaid' });
    account.refuses(reserve(request('u', 10)), 'account_suspended');
    account.do(consume('t'));
    account.grant('promotional', 5);
    account.do({ type: 'ChangePlan', plan: 'pro' });
    account.do({ type: 'Resume', reason: 'paid' });
    account.shrugs({ type: 'Resume', reason: 'paid' });
    account.then(reserve(request('u', 10)), 'CreditsReserved');
  });

  it('limits the open tasks of an account', () => {
    const account = given(START).open('free');
    const limited = (...ids: string[]) => ({ type: 'Reserve' as const, requests: ids.map((id) => request(id, 1)), openTasksMax: 2 });
    account.refuses(limited('a', 'b', 'c'), 'too_many_tasks', { limit: 2, open: 0 });
    account.do(limited('a', 'b'));
    account.refuses(limited('c'), 'too_many_tasks', { limit: 2, open: 2 });
    account.do(refund('a'));
    account.then(limited('c'), 'CreditsReserved');
  });

  it('does not exist before it was opened', () => {
    given(START).refuses(reserve(request('t', 1)), 'not_found');
  });

  it('does not know the rank of a plan that is not defined: unknown is not enough', () => {
    const account = given(START).open('free');
    account.state.plan = 'withdrawn';
    account.refuses(reserve(request('t', 1)), 'plan_required');
  });

  it('changes nothing for a reservation that is held already', () => {
    const account = given(START).open('free');
    account.reserve('t', 10);
    account.shrugs(reserve(request('t', 10)));
    account.refuses(reserve(request('t', 10), request('u', 10)), 'conflict');
  });
});

describe('quotes', () => {
  it('can be used as often as their quantity says, in one fact or in several', () => {
    const account = given(START).open('free');
    account.do(reserve(request('a', 1, { quote: quote(3) }), request('b', 1, { quote: quote(3) })));
    account.refuses(reserve(request('c', 1, { quote: quote(3) }), request('d', 1, { quote: quote(3) })), 'conflict');
    account.do(reserve(request('c', 1, { quote: quote(3) })));
    account.refuses(reserve(request('d', 1, { quote: quote(3) })), 'conflict');
  });

  it('stay used when their task is refunded', () => {
    const account = given(START).open('free');
    account.do(reserve(request('a', 1, { quote: quote(1) })));
    account.do(refund('a'));
    account.refuses(reserve(request('b', 1, { quote: quote(1) })), 'conflict');
  });

  it('end at their very instant', () => {
    const account = given(START).open('free').at('2026-11-01T00:14:59.999Z');
    account.do(reserve(request('a', 1, { quote: quote(2) })));
    account.at('2026-11-01T00:15:00.000Z').refuses(reserve(request('b', 1, { quote: quote(2) })), 'quote_expired');
  });

  it('leave the state once they are long over', () => {
    const account = given(START).open('free');
    account.do(reserve(request('a', 1, { quote: quote(2) })));
    account.at('2026-11-01T01:14:59.999Z').reserve('b', 1);
    expect(account.state.quoteUses.size).toBe(1);
    account.at('2026-11-01T01:15:00.000Z').reserve('c', 1);
    expect(account.state.quoteUses.size).toBe(0);
  });
});

describe('the preview', () => {
  it('shows before the click what the reservation takes after it', () => {
    const account = given(START).open('free');
    account.grant('purchased', 100, { expiresAt: Date.parse('2026-12-24T00:00:00Z') });
    const preview = previewReserve(account.state, account.now, account.context(), 250);
    const [held] = only(account.reserve('t', 250), 'CreditsReserved').reservations;
    expect(preview).toMatchObject({ plan: 'free', available: 300, shortfall: 0, denial: null });
    expect(preview.drawdown).toEqual(
      held?.drawdown.map(({ bucket, grantId, credits, expiresAt }) => ({ bucket, grantId, credits, expiresAt })),
    );
  });

  it('shows what there is when credits are short, and nothing when the plan is too low', () => {
    const account = given(START).open('free');
    expect(previewReserve(account.state, account.now, account.context(), 250)).toMatchObject({
      shortfall: 50,
      drawdown: [{ credits: 200 }],
      denial: { code: 'insufficient_credits' },
    });
    const pro = { id: 'pro', rank: 2 };
    expect(previewReserve(account.state, account.now, account.context(), 250, pro)).toMatchObject({
      shortfall: 50,
      drawdown: [],
      denial: { code: 'plan_required' },
    });
  });

  it('takes into account what is due, and books nothing', () => {
    const account = given(START).open('pro');
    account.do({ type: 'ChangePlan', plan: 'free' });
    account.reserve('t', 500);
    account.at('2026-12-01T00:00:00.000Z');
    const facts = account.facts.length;
    expect(previewReserve(account.state, account.now, account.context(), 300)).toMatchObject({
      plan: 'free',
      available: 200,
      shortfall: 100,
    });
    expect(account.state.plan).toBe('pro');
    expect(account.facts).toHaveLength(facts);
    account.refuses(reserve(request('u', 300)), 'insufficient_credits', { available: 200, shortfall: 100 });
  });

  it('denies a suspended account and one that does not exist', () => {
    const account = given(START);
    expect(previewReserve(account.state, account.now, account.context(), 1).denial).toMatchObject({ code: 'not_found' });
    account.open('free').do({ type: 'Suspend', reason: 'r' });
    expect(previewReserve(account.state, account.now, account.context(), 1).denial).toMatchObject({ code: 'account_suspended' });
  });
});
