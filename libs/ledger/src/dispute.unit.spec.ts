// Money rule 12: a dispute freezes, thaws or takes back exactly the purchase's own grants, once, and the money of every part adds up.
import { describe, expect, it } from '@jest/globals';
import { disputeView, previewReserve, type AccountCommand, type AccountFact } from '#libs/ledger';
import { consume, given, only, refund, request, reserve, type AccountScript } from '../test/given.js';
import { postingsOf } from '../test/postings.reference.js';

const START = '2026-11-01T00:00:00.000Z';
const USD = { currency: 'USD', amountMinor: 999 };

function open(reference: string | null, grantId: string | null = null, disputeId = 'd1'): AccountCommand {
  return { type: 'OpenDispute', disputeId, reference, grantId, reason: 'chargeback' };
}
function end(outcome: 'won' | 'lost', disputeId = 'd1'): AccountCommand {
  return { type: 'EndDispute', disputeId, outcome };
}
function revoke(grantId: string, spent?: 'forgive' | 'debt'): AccountCommand {
  return { type: 'RevokeGrant', grantId, reason: 'error', spent };
}
/** Where the money and the credits are, by ledger account. */
function books(facts: readonly AccountFact[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const fact of facts)
    for (const { account, commodity, amount } of postingsOf(fact))
      sums[`${account} ${commodity}`] = (sums[`${account} ${commodity}`] ?? 0) + amount;
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0));
}

/** 100 purchased for 9.99, and 50 promotional that are spent after them: 40 consumed, 30 held, 30 left. */
function purchase(policies: Parameters<typeof given>[1] = {}): { account: AccountScript; id: string } {
  const account = given(START, policies).open('none');
  const id = account.grant('purchased', 100, { reference: 'inv-1', costBasis: USD });
  account.grant('promotional', 50);
  account.reserve('spent', 40);
  account.do(consume('spent'));
  account.reserve('running', 30);
  return { account, id };
}

describe('an open dispute', () => {
  it('moves nothing, and keeps what is available from being spent', () => {
    const { account, id } = purchase();
    const before = books(account.facts);
    expect(only(account.then(open('inv-1'), 'DisputeOpened'), 'DisputeOpened')).toMatchObject({
      disputeId: 'd1',
      reference: 'inv-1',
      grants: [{ grantId: id, bucket: 'purchased', frozen: 30 }],
      credits: { available: 30, held: 30, consumed: 40, revoked: 0, debt: 0 },
    });
    expect(books(account.facts)).toEqual(before);
    expect(account.balance()).toMatchObject({
      ...{ available: 80, held: 30, frozen: 30, debt: 0 },
      buckets: { purchased: { available: 30, held: 30, frozen: 30 }, promotional: { available: 50, frozen: 0 } },
    });
    expect(account.balance().grants.map(({ bucket, frozen }) => [bucket, frozen])).toEqual([
      ['purchased', 30],
      ['promotional', 0],
    ]);
    account.refuses(reserve(request('t', 51)), 'insufficient_credits', { required: 51, available: 50, shortfall: 1 });
    expect(previewReserve(account.state, account.now, account.context(), 51)).toMatchObject({ available: 50, shortfall: 1 });
    const { reservations } = only(account.reserve('t', 50), 'CreditsReserved');
    expect(reservations[0]?.drawdown.map((part) => part.bucket)).toEqual(['promotional']);
  });

  it('freezes a hold that comes back, and lets a running task be charged', () => {
    const { account } = purchase();
    account.do(open('inv-1'));
    account.do(consume('running', '0.5'));
    expect(account.balance()).toMatchObject({ available: 95, frozen: 45 });
    account.refuses(reserve(request('t', 51)), 'insufficient_credits', { available: 50 });
  });

  it('does not keep its credits from lapsing', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100, { expiresAt: Date.parse('2026-11-10T00:00:00Z'), costBasis: USD });
    account.reserve('running', 60);
    account.do(open(null, id));
    account.at('2026-11-11T00:00:00Z').then({ type: 'BookDue' }, 'CreditsExpired');
    expect(account.balance()).toMatchObject({ available: 0, frozen: 0, held: 60 });
    // What is reissued from it is frozen with it, and thaws or goes with it.
    const { reissued } = only(account.then(refund('running'), 'CreditsRefunded'), 'CreditsRefunded');
    expect(reissued[0]?.grant).toMatchObject({ credits: 60, disputeId: 'd1', reissuedFrom: id });
    expect(account.balance()).toMatchObject({ available: 60, frozen: 60 });
    account.refuses(reserve(request('t', 1)), 'insufficient_credits', { available: 0 });
    const won = only(account.then(end('won'), 'DisputeWon'), 'DisputeWon');
    expect(won.grants.map((grant) => grant.frozen)).toEqual([0, 60]);
    expect(account.balance()).toMatchObject({ available: 60, frozen: 0 });
    account.reserve('t', 60);
  });

  it('takes every grant of the reference and what was reissued from them, and nothing else', () => {
    const account = given(START).open('none');
    const expiresAt = Date.parse('2026-11-10T00:00:00Z');
    const first = account.grant('purchased', 10, { reference: 'inv-1', expiresAt });
    account.reserve('t', 4);
    const second = account.grant('purchased', 20, { reference: 'inv-1' });
    account.grant('purchased', 30, { reference: 'inv-2' });
    account.at('2026-11-11T00:00:00Z').do(refund('t'));
    const { grants } = only(account.do(open('inv-1')), 'DisputeOpened');
    expect(grants.map((grant) => [grant.grantId, grant.frozen])).toEqual([
      [first, 0],
      [second, 20],
      [expect.anything(), 4],
    ]);
    expect(account.balance()).toMatchObject({ available: 54, frozen: 24 });
  });

  it('is refused a second time, of nothing, of both and of neither', () => {
    const { account, id } = purchase();
    account.refuses(open('inv-0'), 'not_found');
    account.refuses(open(null, 'grant_0'), 'not_found');
    account.refuses(open('inv-1', id), 'validation_failed');
    account.refuses(open(null), 'validation_failed');
    account.refuses({ type: 'OpenDispute', disputeId: 'd1', reference: 'inv-1', grantId: null, reason: ' ' }, 'validation_failed');
    account.do(open('inv-1'));
    account.refuses(open('inv-1', null, 'd2'), 'conflict', { disputeId: 'd1' });
    account.refuses(open(null, id, 'd2'), 'conflict', { disputeId: 'd1' });
    account.refuses(revoke(id), 'conflict', { disputeId: 'd1' });
    account.refuses(revoke(id, 'debt'), 'conflict', { disputeId: 'd1' });
    account.do(end('lost'));
    account.refuses(open('inv-1', null, 'd2'), 'already_settled', { grantId: id });
    account.shrugs(revoke(id));
  });

  it('has one ending; the same again changes nothing, the other is refused', () => {
    for (const [outcome, other] of [
      ['won', 'lost'],
      ['lost', 'won'],
    ] as const) {
      const { account } = purchase();
      account.refuses(end(outcome), 'not_found');
      account.do(open('inv-1'));
      account.do(end(outcome));
      account.shrugs(end(outcome));
      account.refuses(end(other), 'already_settled', { outcome });
    }
  });

  it('can be opened again once it was won', () => {
    const { account, id } = purchase();
    account.do(open('inv-1'));
    account.do(end('won'));
    expect(account.grantOf(id).disputeId).toBeNull();
    account.do(open('inv-1', null, 'd2'));
    account.do(end('lost', 'd2'));
    account.refuses(end('lost', 'd1'), 'already_settled');
    expect(account.grantOf(id)).toMatchObject({ disputeId: 'd2', revoked: 30 });
  });
});

describe('a lost dispute', () => {
  it('revokes what is left and makes debt of what was spent, in one append', () => {
    const { account, id } = purchase();
    account.do(open('inv-1'));
    const facts = account.then(end('lost'), 'GrantRevoked', 'DebtRecorded', 'DisputeLost');
    expect(only(facts, 'GrantRevoked')).toMatchObject({
      ...{ cause: 'dispute_lost', disputeId: 'd1', spent: 'debt', reason: 'chargeback' },
      part: { grantId: id, credits: 30, before: { available: 30, held: 30, gone: 40 } },
      loss: { expiredMinor: 0, adjustedMinor: 0, roundingMinor: 0 },
    });
    // f(40) = 399.
    expect(only(facts, 'DebtRecorded')).toMatchObject({ credits: 40, money: { currency: 'USD', amountMinor: 399 }, grantId: id });
    expect(only(facts, 'DisputeLost')).toMatchObject({ credits: { available: 0, held: 30, consumed: 40, revoked: 30, debt: 40 } });
    expect(account.balance()).toMatchObject({ available: 50, held: 30, frozen: 0, debt: 40 });
  });

  it('honours what is held: revoked when it comes back, debt when it is consumed, and clearing has given back the price', () => {
    const { account } = purchase();
    account.do(open('inv-1'));
    account.do(end('lost'));
    const facts = account.then(consume('running', '0.5'), 'CreditsConsumed', 'GrantRevoked', 'DebtRecorded');
    expect(only(facts, 'GrantRevoked')).toMatchObject({ cause: 'returned_hold', disputeId: 'd1', part: { credits: 15 } });
    expect(only(facts, 'DebtRecorded')).toMatchObject({ cause: 'held_part', credits: 15, taskId: 'running', disputeId: 'd1' });
    expect(account.balance()).toMatchObject({ available: 50, held: 0, debt: 55 });
    const dispute = account.state.disputes.get('d1');
    if (dispute === undefined) throw new Error('no dispute');
    expect(disputeView(account.state, dispute, account.now, '7').credits).toEqual({
      ...{ available: 0, held: 0, consumed: 55, revoked: 45, debt: 55 },
    });
    expect(books(account.facts)).toMatchObject({
      'debt CREDIT': -55,
      'revoked:purchased CREDIT': 45,
      'revoked:purchased:spent CREDIT': 55,
    });
    expect(books(account.facts)['assets:clearing USD']).toBeUndefined();
    expect(books(account.facts)['liabilities:deferred-revenue USD']).toBeUndefined();
    expect(books(account.facts)['assets:receivable USD']).toBe(549);
    expect(books(account.facts)['revenue:usage:m USD']).toBe(-549);
  });

  it('takes back breakage and adjustments without debt, and goes on to what was reissued', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100, { expiresAt: Date.parse('2026-11-10T00:00:00Z'), reference: 'inv-1', costBasis: USD });
    account.reserve('spent', 20);
    account.do(consume('spent'));
    account.do({ type: 'Adjust', adjustmentId: 'a1', bucket: 'purchased', credits: -10, reason: 'r', ticket: 't', requestedBy: 'k1' });
    account.reserve('late', 30);
    account.at('2026-11-11T00:00:00Z').do(refund('late'));
    account.do(open(null, id));
    const facts = account.then(end('lost'), 'GrantRevoked', 'DebtRecorded', 'GrantRevoked', 'DisputeLost');
    // Consumed f(20) = 199, adjusted f(30) − f(20) = 100, expired f(70) − f(30) = 400, reissued 300 as f(100) − f(70).
    expect(facts[0]?.data).toMatchObject({ part: { credits: 0 }, loss: { expiredMinor: 400, adjustedMinor: 100 } });
    expect(facts[1]?.data).toMatchObject({ credits: 20, money: { amountMinor: 199 } });
    expect(facts[2]?.data).toMatchObject({ part: { credits: 30, costBasis: { amountMinor: 300 } } });
    const sums = books(account.facts);
    expect(sums['assets:clearing USD']).toBeUndefined();
    expect(sums['revenue:breakage USD']).toBeUndefined();
    expect(sums['revenue:adjustment USD']).toBeUndefined();
    expect(sums['assets:receivable USD']).toBe(199);
  });

  it('leaves rounding of goodwill to nobody: a spent part of 0 credits becomes no debt', () => {
    const account = given(START).open('none');
    const expiresAt = Date.parse('2026-11-10T00:00:00Z');
    const id = account.grant('purchased', 2, { expiresAt, costBasis: { currency: 'USD', amountMinor: 1 } });
    account.reserve('t', 1);
    account.do(consume('t'));
    account.at('2026-11-11T00:00:00Z').withPolicies({ lapsedRefund: 'expire' });
    const back = [{ grantId: id, credits: 1 }];
    const goodwill = { taskId: 't', model: 'm', reservationId: 't', credits: 1, reason: 'r', consumed: back };
    account.then({ type: 'RefundGoodwill', ...goodwill }, 'CreditsExpired', 'CreditsRefunded', 'CreditsExpired');
    account.do(open(null, id));
    const facts = account.then(end('lost'), 'GrantRevoked', 'DisputeLost');
    expect(only(facts, 'GrantRevoked').loss).toEqual({ expiredMinor: 2, adjustedMinor: 0, roundingMinor: -1 });
    expect(books(account.facts)['assets:clearing USD']).toBeUndefined();
    expect(account.balance().debt).toBe(0);
  });
});

describe('a revocation', () => {
  it('forgives what was spent unless it is told otherwise', () => {
    const { account, id } = purchase();
    const facts = account.then(revoke(id), 'GrantRevoked');
    expect(only(facts, 'GrantRevoked')).toMatchObject({ spent: 'forgive', loss: null, disputeId: null });
    account.then(consume('running'), 'CreditsConsumed');
    expect(account.balance()).toMatchObject({ available: 50, held: 0, debt: 0 });
    account.shrugs(revoke(id, 'debt'));
  });

  it('makes debt of what was spent and of what is consumed later, where it is told to', () => {
    const { account, id } = purchase();
    account.then(revoke(id, 'debt'), 'GrantRevoked', 'DebtRecorded');
    account.then(consume('running'), 'CreditsConsumed', 'DebtRecorded');
    expect(account.balance()).toMatchObject({ available: 50, held: 0, debt: 70 });
    expect(books(account.facts)['assets:clearing USD']).toBeUndefined();
  });

  it('of a grant without a cost basis moves no money', () => {
    const account = given(START).open('none');
    const id = account.grant('purchased', 100);
    account.reserve('t', 60);
    account.do(consume('t'));
    const facts = account.do(revoke(id, 'debt'));
    expect(only(facts, 'DebtRecorded')).toMatchObject({ credits: 60, money: null });
    expect(Object.keys(books(account.facts)).filter((name) => !name.endsWith('CREDIT'))).toEqual([]);
  });
});
