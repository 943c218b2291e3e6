// 2 decide · how one grant's counters move, checked against what the fact says of before and after; called by evolve alone.
import { fromIso, invariant, type InstantMs } from '#libs/kernel';
import type { GrantCounters, GrantPart, GrantTerms } from './account.facts.js';
import type { AccountState, GrantState } from './account.state.js';
import { spendableChanged } from './burn-order.js';

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
  });
  state.available += terms.credits;
  state.spendable.add(terms.grantId);
  spendableChanged(state);
}

export type Column = 'available' | 'held' | 'consumed' | 'expired' | 'revoked' | 'reissued';

/** One movement between two columns of one grant, checked against what the fact says was there before and after. */
export function move(state: AccountState, part: GrantPart, from: Column, to: Column): void {
  const grant = grantOf(state, part.grantId);
  assertCounters(grant, part.before, 'before');
  grant[from] -= part.credits;
  grant[to] += part.credits;
  invariant(part.credits >= 0 && grant[from] >= 0, () => `${grant.id}: ${from} fell to ${grant[from]}`);
  assertCounters(grant, part.after, 'after');
  if (from === 'available') state.available -= part.credits;
  else if (from === 'held') state.held -= part.credits;
  if (to === 'available') state.available += part.credits;
  else if (to === 'held') state.held += part.credits;
  invariant(state.available >= 0 && state.held >= 0, () => `account ${state.accountId} fell to ${state.available}, ${state.held}`);
  if (grant.available > 0 === state.spendable.has(grant.id)) return;
  if (grant.available > 0) state.spendable.add(grant.id);
  else state.spendable.delete(grant.id);
  spendableChanged(state);
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
