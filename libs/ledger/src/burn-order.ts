// 2 decide · which grants a reservation draws from first; called by the gate, previews and views. Money rule 2: the order is total.
import type { InstantMs } from '#libs/kernel';
import type { Bucket } from './account.facts.js';
import type { AccountState, GrantState } from './account.state.js';
import { byExpiry, isFrozen } from './grant-part.js';

/** Bucket priority, then earliest expiry (none last), then earliest grant, then id. */
export function compareBurn(burnOrder: readonly Bucket[]): (a: GrantState, b: GrantState) => number {
  return (a, b) => burnOrder.indexOf(a.bucket) - burnOrder.indexOf(b.bucket) || byExpiry(a, b);
}

interface SpendableOrder {
  burnOrder: readonly Bucket[] | null;
  grants: GrantState[];
  earliestExpiry: InstantMs;
}

// The order depends on which grants have credits, never on how many: so it is kept until that set changes, and a reservation sorts nothing.
const cache = new WeakMap<AccountState, SpendableOrder>();

function orderOf(state: AccountState): SpendableOrder {
  const known = cache.get(state);
  if (known !== undefined) return known;
  const order: SpendableOrder = { burnOrder: null, grants: [], earliestExpiry: Infinity };
  for (const id of state.spendable) {
    const grant = state.grants.get(id) as GrantState;
    if (!isFrozen(grant)) order.grants.push(grant);
    if (grant.expiresAt !== null && grant.expiresAt < order.earliestExpiry) order.earliestExpiry = grant.expiresAt;
  }
  cache.set(state, order);
  return order;
}

/** The grants that have credits to spend, in burn order: what a dispute froze is left out. Read it, never keep or change it. */
export function burnList(state: AccountState, burnOrder: readonly Bucket[]): readonly GrantState[] {
  const order = orderOf(state);
  if (order.burnOrder === null || !sameOrder(order.burnOrder, burnOrder)) {
    order.grants.sort(compareBurn(burnOrder));
    order.burnOrder = burnOrder;
  }
  return order.grants;
}

function sameOrder(a: readonly Bucket[], b: readonly Bucket[]): boolean {
  return a === b || (a.length === b.length && a.every((bucket, index) => bucket === b[index]));
}

/** When the first grant that has available credits ends; Infinity when none ever does. */
export function earliestExpiry(state: AccountState): InstantMs {
  return orderOf(state).earliestExpiry;
}

/** Called by evolve when a grant gets its first available credit or loses its last, and when it is frozen or thawed. */
export function spendableChanged(state: AccountState): void {
  cache.delete(state);
}
