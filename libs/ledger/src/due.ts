// 2 decide · what time alone has brought about: lapses at their own instants and boundaries in order; booked before every command.
import { fromIso, invariant, toIso, type InstantMs } from '#libs/kernel';
import type { AccountFact } from './account.facts.js';
import type { AccountState, GrantState, LedgerContext } from './account.state.js';
import { evolveAccount } from './account.evolve.js';
import { termsOfAccountPlan } from './plan-terms.js';
import { earliestExpiry } from './burn-order.js';
import { boundaryAt, cycleReference } from './cycle.js';
import { byExpiry, countersOf, grantPart, moved } from './grant-part.js';

/** When the account next changes without being asked: its next boundary, or the earliest end of a grant that has available credits. */
export function nextDueAt(state: AccountState): InstantMs | null {
  if (!state.isOpen) return null;
  return Math.min(state.nextResetAt, earliestExpiry(state));
}

export function isDue(state: AccountState, at: InstantMs): boolean {
  return state.nextResetAt <= at || earliestExpiry(state) <= at;
}

/** When a fact that time alone brought about took effect, which may be long before it was booked; null for every other fact. */
export function tookEffectAt(fact: AccountFact): InstantMs | null {
  const isDue =
    (fact.type === 'CycleReset' && fact.data.cause === 'boundary') || (fact.type === 'CreditsExpired' && fact.data.cause === 'expiry');
  return isDue ? fromIso(fact.data.effectiveAt) : null;
}

/**
 * The facts that are due at an instant, in order of when they take effect, one reset per period however long nothing ran. Evolves the
 * state that it is given, which therefore is the caller's own copy. Stops early once `factsMax` is reached.
 */
export function bookDue(working: AccountState, at: InstantMs, context: LedgerContext, factsMax = Infinity): AccountFact[] {
  const facts: AccountFact[] = [];
  const book = (fact: AccountFact): void => {
    evolveAccount(working, fact);
    facts.push(fact);
  };
  while (facts.length < factsMax) {
    const boundary = working.nextResetAt;
    for (const grant of lapsedBefore(working, at, boundary)) book(expiryOf(grant, at));
    if (boundary > at) return facts;
    book(resetOf(working, { cause: 'boundary', reason: null, effectiveAt: boundary }, at, context));
  }
  return facts;
}

/** Lapses up to the boundary; subscription credits that end with it are the reset's own. */
function lapsedBefore(state: AccountState, at: InstantMs, boundary: InstantMs): GrantState[] {
  if (earliestExpiry(state) > Math.min(at, boundary)) return [];
  const lapsed: GrantState[] = [];
  for (const id of state.spendable) {
    const grant = state.grants.get(id) as GrantState;
    if (grant.expiresAt === null || grant.expiresAt > at || grant.expiresAt > boundary) continue;
    if (grant.bucket === 'subscription' && grant.expiresAt === boundary) continue;
    lapsed.push(grant);
  }
  return lapsed.sort(byExpiry);
}

function expiryOf(grant: GrantState, at: InstantMs): AccountFact {
  invariant(grant.expiresAt !== null, () => `${grant.id} never ends`);
  const before = countersOf(grant);
  const after = moved(before, { available: -before.available, held: 0, gone: before.available });
  const part = grantPart(grant, before.available, before, after);
  return {
    type: 'CreditsExpired',
    data: { decidedAt: toIso(at), part, cause: 'expiry', effectiveAt: toIso(grant.expiresAt), taskId: null },
  };
}

export interface ResetCause {
  cause: 'boundary' | 'operator';
  reason: string | null;
  effectiveAt: InstantMs;
}

/** Money rule 8: every unheld subscription credit lapses, the allowance of the plan (a pending one takes over) is granted, nothing else moves. */
export function resetOf(state: AccountState, why: ResetCause, at: InstantMs, context: LedgerContext): AccountFact {
  const plan = state.pendingPlan ?? state.plan;
  const terms = termsOfAccountPlan(context, plan, state.accountId);
  const isBoundary = why.cause === 'boundary';
  // An operator's reset ends the cycle early and leaves the boundaries where the anchor puts them.
  const cycle = isBoundary ? state.nextCycle : state.nextCycle - 1;
  const nextResetAt = isBoundary ? boundaryAt(state.billingAnchor, state.timezone, state.nextCycle + 1) : state.nextResetAt;
  const lapsing: GrantState[] = [];
  for (const id of state.spendable) {
    const grant = state.grants.get(id) as GrantState;
    if (grant.bucket === 'subscription') lapsing.push(grant);
  }
  const lapsed = lapsing.sort(byExpiry).map((grant) => {
    const before = countersOf(grant);
    return grantPart(grant, before.available, before, moved(before, { available: -before.available, held: 0, gone: before.available }));
  });
  const granted =
    terms.monthlyAllowance === 0
      ? null
      : {
          grantId: context.nextGrantId(),
          bucket: 'subscription' as const,
          credits: terms.monthlyAllowance,
          expiresAt: toIso(nextResetAt),
          reference: cycleReference(why.effectiveAt, state.timezone),
          costBasis: null,
          reissuedFrom: null,
        };
  return {
    type: 'CycleReset',
    data: {
      decidedAt: toIso(at),
      cause: why.cause,
      reason: why.reason,
      cycle,
      effectiveAt: toIso(why.effectiveAt),
      lapsed,
      granted,
      plan,
      planVersion: terms.version,
      previousPlan: state.plan,
      nextResetAt: toIso(nextResetAt),
    },
  };
}
