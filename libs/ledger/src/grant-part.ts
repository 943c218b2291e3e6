// 2 decide · how one grant's part in a fact is stated: what moved, and the grant before and after; called by every decision that moves credits.
import { invariant, toIso, type Credits, type InstantMs } from '#libs/kernel';
import type { GrantCounters, GrantPart } from './account.facts.js';
import type { GrantState } from './account.state.js';

/** `gone` is what has left the grant for good; what conservation leaves over from available and held. */
export function countersOf(grant: GrantState): GrantCounters {
  return { available: grant.available, held: grant.held, gone: grant.credits - grant.available - grant.held };
}

/** What a movement of `credits` makes of the counters. The three changes add up to nothing: no movement makes or loses credits. */
export function moved(before: GrantCounters, change: { available: number; held: number; gone: number }): GrantCounters {
  const after = { available: before.available + change.available, held: before.held + change.held, gone: before.gone + change.gone };
  invariant(change.available + change.held + change.gone === 0, 'a movement makes or loses credits');
  invariant(
    after.available >= 0 && after.held >= 0 && after.gone >= 0,
    () => `a movement overdraws a grant: ${JSON.stringify({ before, after })}`,
  );
  return after;
}

export function grantPart(grant: GrantState, credits: Credits, before: GrantCounters, after: GrantCounters): GrantPart {
  return {
    grantId: grant.id,
    bucket: grant.bucket,
    credits,
    size: grant.credits,
    costBasis: grant.costBasis,
    expiresAt: grant.expiresAt === null ? null : toIso(grant.expiresAt),
    before,
    after,
  };
}

/** Validity is a predicate at an instant, half-open: from its very end on, a grant has lapsed, whether or not that was booked. */
export function hasLapsed(grant: GrantState, at: InstantMs): boolean {
  return grant.lapsedEarly || (grant.expiresAt !== null && grant.expiresAt <= at);
}

/** Under an open dispute: what is available of it cannot be spent. A lost one has revoked it, a won one let go of it. */
export function isFrozen(grant: GrantState): boolean {
  return grant.disputeId !== null && !grant.isRevoked;
}

/** Earliest end first (none last), then earliest grant, then id: total, so that the same state always gives the same facts. */
export function byExpiry(a: GrantState, b: GrantState): number {
  const ends = (a.expiresAt ?? Infinity) - (b.expiresAt ?? Infinity);
  if (a.expiresAt !== b.expiresAt && ends !== 0) return ends;
  if (a.grantedAt !== b.grantedAt) return a.grantedAt - b.grantedAt;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
