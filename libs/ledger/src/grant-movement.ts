// 2 decide · how one grant's counters move, checked against what the fact says of before and after; called by evolve alone.
import { fromIso, invariant, type InstantMs } from '#libs/kernel';
import type { GrantCounters, GrantPart, GrantTerms } from './account.facts.js';
import type { AccountState, GrantMoney, GrantState } from './account.state.js';
import { spendableChanged } from './burn-order.js';
import { isFrozen } from './grant-part.js';
import { recognisedMinor } from './recognition.js';

export function addGrant(state: AccountState, terms: GrantTerms, grantedAt: InstantMs): void {
  invariant(!state.grants.has(terms.grantId), () => `${terms.grantId} was granted twice`);
  invariant(Number.isSafeInteger(terms.credits) && terms.credits > 0, () => `${terms.grantId} is of ${terms.credits} credits`);
  state.grants.set(terms.grantId, {
    id: terms.grantId,
    bucket: terms.bucket,
    credits: terms.credits,
    available: terms.credits,
    held: 0,
    consumed: 0,
    expired: 0,
    revoked: 0,
    reissued: 0,
    adjusted: 0,
    repaid: 0,
    grantedAt,
    expiresAt: terms.expiresAt === null ? null : fromIso(terms.expiresAt),
    reference: terms.reference,
    costBasis: terms.costBasis,
    reissuedFrom: terms.reissuedFrom,
    lapsedEarly: false,
    isRevoked: false,
    spentIsDebt: false,
    disputeId: terms.disputeId ?? null,
    money: terms.costBasis === null ? null : { consumed: 0, expired: 0, revoked: 0, reissued: 0, adjusted: 0, repaid: 0 },
    revision: state.revision,
  });
  state.available += terms.credits;
  if (terms.disputeId !== undefined) joinDispute(state, terms.disputeId, terms);
  state.spendable.add(terms.grantId);
  spendableChanged(state);
}

/** What is reissued from a grant under an open dispute is frozen with it. */
function joinDispute(state: AccountState, disputeId: string, terms: GrantTerms): void {
  const dispute = state.disputes.get(disputeId);
  invariant(dispute?.status === 'open', () => `${terms.grantId} joins ${disputeId}, which is not open`);
  dispute.grantIds.push(terms.grantId);
  dispute.revision = state.revision;
  state.frozen += terms.credits;
}

/** Where credits are once they have left a grant for good. */
export type GoneColumn = 'consumed' | 'expired' | 'revoked' | 'reissued' | 'adjusted' | 'repaid';
export type Column = 'available' | 'held' | GoneColumn;

/** One movement between two columns of one grant, checked against what the fact says was there before and after. */
export function move(state: AccountState, part: GrantPart, from: Column, to: Column): void {
  const grant = grantOf(state, part.grantId);
  assertCounters(grant, part.before, 'before');
  grant[from] -= part.credits;
  grant[to] += part.credits;
  invariant(part.credits >= 0 && grant[from] >= 0, () => `${grant.id}: ${from} fell to ${grant[from]}`);
  assertCounters(grant, part.after, 'after');
  grant.revision = state.revision;
  if (grant.money !== null && to !== 'held') moveMoney(grant, grant.money, part, from, to);
  if (from === 'available') state.available -= part.credits;
  else if (from === 'held') state.held -= part.credits;
  if (to === 'available') state.available += part.credits;
  else if (to === 'held') state.held += part.credits;
  if (isFrozen(grant)) state.frozen += part.after.available - part.before.available;
  invariant(
    state.available >= state.frozen && state.frozen >= 0 && state.held >= 0,
    () => `account ${state.accountId} fell to ${state.available}, ${state.frozen} of them frozen, and ${state.held} held`,
  );
  if (grant.available > 0 === state.spendable.has(grant.id)) return;
  if (grant.available > 0) state.spendable.add(grant.id);
  else state.spendable.delete(grant.id);
  spendableChanged(state);
}

/** What the movement took from deferred revenue, f(x′) − f(x), by what the credits went to; what came back from consumption is taken off it. */
function moveMoney(grant: GrantState, money: GrantMoney, part: GrantPart, from: Column, to: Column): void {
  const basis = grant.costBasis;
  invariant(basis !== null, () => `${grant.id} has money without a cost basis`);
  const { before, after, credits } = part;
  const sentBefore = recognisedMinor(basis, before.gone, grant.credits);
  const sentAfter = after.gone === before.gone ? sentBefore : recognisedMinor(basis, after.gone, grant.credits);
  if (from === 'available' || from === 'held') {
    if (to === 'available' || to === 'held') return;
    money[to] += sentAfter - sentBefore;
  } else {
    const back = sentBefore - recognisedMinor(basis, before.gone - credits, grant.credits);
    money[from] -= back;
    // Of goodwill to a lapsed or revoked grant the credits stay gone: to another end.
    if (to !== 'available' && to !== 'held') money[to] += back;
  }
  const gone = money.consumed + money.expired + money.revoked + money.reissued + money.adjusted + money.repaid;
  invariant(gone === sentAfter, () => `${grant.id} has sent out ${gone} instead of ${sentAfter}`);
}

export function grantOf(state: AccountState, grantId: string): GrantState {
  const grant = state.grants.get(grantId);
  invariant(grant !== undefined, () => `there is no grant ${grantId}`);
  return grant;
}

function assertCounters(grant: GrantState, expected: GrantCounters, when: string): void {
  const gone = grant.consumed + grant.expired + grant.revoked + grant.reissued + grant.adjusted + grant.repaid;
  invariant(grant.credits === grant.available + grant.held + gone, () => `${grant.id} has made or lost credits: ${JSON.stringify(grant)}`);
  invariant(
    grant.available === expected.available && grant.held === expected.held && gone === expected.gone,
    () =>
      `${grant.id} ${when} the movement: ${JSON.stringify({ expected, actual: { available: grant.available, held: grant.held, gone } })}`,
  );
}
