// Corrections by hand: a reason and a ticket always, above the limit a second person, and never more taken than there is.
import { describe, expect, it } from '@jest/globals';
import type { AccountCommand } from '#libs/ledger';
import { consume, given, only } from '../test/given.js';

const START = '2026-11-01T00:00:00.000Z';

function adjust(credits: number, more: Partial<Extract<AccountCommand, { type: 'Adjust' }>> = {}): AccountCommand {
  return {
    type: 'Adjust',
    adjustmentId: 'a1',
    bucket: 'promotional',
    credits,
    reason: 'outage',
    ticket: 'SUP-1',
    requestedBy: 'k1',
    ...more,
  };
}
function approve(approvedBy: string, adjustmentId = 'a1'): AccountCommand {
  return { type: 'ApproveAdjustment', adjustmentId, approvedBy };
}
function reject(rejectedBy: string, adjustmentId = 'a1'): AccountCommand {
  return { type: 'RejectAdjustment', adjustmentId, rejectedBy, reason: 'no' };
}

describe('an adjustment', () => {
  it('upwards is a new grant without cost and end; of subscription credits it ends with the cycle', () => {
    const account = given(START).open('none');
    const { granted } = only(account.then(adjust(50), 'CreditsAdjusted'), 'CreditsAdjusted');
    expect(granted).toMatchObject({ bucket: 'promotional', credits: 50, expiresAt: null, costBasis: null });
    const subscription = only(account.do(adjust(5, { adjustmentId: 'a2', bucket: 'subscription' })), 'CreditsAdjusted');
    expect(subscription.granted?.expiresAt).toBe('2026-12-01T00:00:00.000Z');
    expect(account.buckets()).toEqual({ subscription: [5, 0], promotional: [50, 0] });
  });

  it('upwards of purchased credits repays what is owed', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 30);
    account.reserve('t', 30);
    account.do(consume('t'));
    account.do({ type: 'RevokeGrant', grantId: id, reason: 'r', spent: 'debt' });
    account.then(adjust(50, { bucket: 'purchased' }), 'CreditsAdjusted', 'DebtRepaid');
    expect(account.balance()).toMatchObject({ available: 20, debt: 0 });
  });

  it('downwards takes from the bucket in burn order, and leaves what is frozen and what is held', () => {
    const account = given(START).open('none');
    const frozen = account.grant('purchased', 100, { expiresAt: Date.parse('2026-11-05T00:00:00Z') });
    const late = account.grant('purchased', 30, { expiresAt: Date.parse('2026-11-20T00:00:00Z') });
    const soon = account.grant('purchased', 20, { expiresAt: Date.parse('2026-11-10T00:00:00Z') });
    account.do({ type: 'OpenDispute', disputeId: 'd', reference: null, grantId: frozen, reason: 'r' });
    account.refuses(adjust(-51, { bucket: 'purchased' }), 'conflict', { available: 50 });
    const { parts, granted } = only(account.do(adjust(-45, { bucket: 'purchased' })), 'CreditsAdjusted');
    expect(granted).toBeNull();
    expect(parts.map((part) => [part.grantId, part.credits])).toEqual([
      [soon, 20],
      [late, 25],
    ]);
    expect(account.grantOf(late)).toMatchObject({ adjusted: 25, available: 5 });
    expect(account.balance()).toMatchObject({ available: 105, frozen: 100 });
  });

  it.each([0, 0.5, NaN, 1e13, -1e13])('refuses %d credits', (credits) => {
    given(START)
      .open('none')
      .refuses(adjust(credits), 'validation_failed', { errors: [{ pointer: '/credits' }] });
  });

  it('needs a reason and a ticket', () => {
    const account = given(START).open('none');
    account.refuses(adjust(1, { reason: ' ' }), 'validation_failed', { errors: [{ pointer: '/reason' }] });
    account.refuses(adjust(1, { ticket: '' }), 'validation_failed', { errors: [{ pointer: '/ticket' }] });
  });
});

describe('an adjustment above the limit', () => {
  it('waits for a second person, and moves nothing until then', () => {
    const account = given(START, { adjustmentLimit: 10 }).open('none');
    account.do(adjust(10, { adjustmentId: 'a0' }));
    account.then(adjust(11), 'AdjustmentRequested');
    expect(account.balance()).toMatchObject({ available: 10 });
    account.refuses(approve('k1'), 'forbidden');
    account.refuses(reject('k1'), 'forbidden');
    const fact = only(account.then(approve('k2'), 'CreditsAdjusted'), 'CreditsAdjusted');
    expect(fact).toMatchObject({ adjustmentId: 'a1', credits: 11, requestedBy: 'k1', approvedBy: 'k2', limit: 10 });
    expect(account.balance()).toMatchObject({ available: 21 });
    account.shrugs(approve('k3'));
    account.refuses(reject('k2'), 'already_settled', { outcome: 'applied' });
    account.refuses(approve('k1'), 'forbidden');
    account.refuses(approve('k2', 'a0'), 'already_settled');
  });

  it('can be turned down, for good', () => {
    const account = given(START, { adjustmentLimit: 10 }).open('none');
    account.do(adjust(11));
    account.then(reject('k2'), 'AdjustmentRejected');
    account.shrugs(reject('k2'));
    account.refuses(approve('k2'), 'already_settled', { outcome: 'rejected' });
    expect(account.balance()).toMatchObject({ available: 0 });
  });

  it('downwards is judged at the request and at the approval', () => {
    const account = given(START, { adjustmentLimit: 10 }).open('none');
    account.refuses(adjust(-11), 'conflict', { available: 0 });
    account.grant('promotional', 20);
    account.do(adjust(-20));
    account.reserve('t', 1);
    account.refuses(approve('k2'), 'conflict', { available: 19 });
    account.do(reject('k2'));
  });
});
