// 2 decide · which credits a reservation takes, and how they come back; the only place where either is decided.
import { invariant, toIso, type Credits, type InstantMs } from '#libs/kernel';
import type { AccountFact, GrantPart, Reissue, Release } from './account.facts.js';
import type { AccountState, GrantState, LedgerContext } from './account.state.js';
import { countersOf, grantPart, hasLapsed, isFrozen, moved } from './grant-part.js';
import { movedBasis } from './recognition.js';

/** Where in the burn order the last drawdown of one fact stopped, so that the next one goes on from there. */
export interface DrawCursor {
  index: number;
  /** Of the grant at `index`, by earlier drawdowns of the same fact. */
  taken: Credits;
}

/** Draws up to `credits` from the grants in burn order; short only when there is no more. Moves the cursor. */
export function draw(order: readonly GrantState[], cursor: DrawCursor, credits: Credits): GrantPart[] {
  const parts: GrantPart[] = [];
  let left = credits;
  for (let grant = order[cursor.index]; left > 0 && grant !== undefined; grant = order[cursor.index]) {
    const free = grant.available - cursor.taken;
    const take = free < left ? free : left;
    if (take > 0) {
      const gone = grant.credits - grant.available - grant.held;
      const before = { available: free, held: grant.held + cursor.taken, gone };
      parts.push(grantPart(grant, take, before, moved(before, { available: -take, held: take, gone: 0 })));
      left -= take;
      cursor.taken += take;
    }
    if (cursor.taken === grant.available) {
      cursor.index += 1;
      cursor.taken = 0;
    }
  }
  return parts;
}

export interface ReleaseDecision {
  release: Release;
  /** Facts that follow in the same append: what came back to a lapsed or revoked grant leaves it again. */
  then: AccountFact[];
}

/** Credits on their way back to their grants, in the order in which they are released. */
export interface ReturningPart {
  grantId: string;
  credits: Credits;
  /** Of this grant, moved held → consumed earlier in the same fact. */
  consumed: Credits;
}

/**
 * Money rules 3 and 9: recorded drawdowns unwind to the very grants they came from. What comes back to a lapsed grant is reissued or expires,
 * by policy; what comes back to a revoked one is revoked with it. `from` tells a hold that ends from goodwill.
 */
export function releaseParts(
  state: AccountState,
  parts: readonly ReturningPart[],
  from: 'held' | 'consumed',
  taskId: string,
  at: InstantMs,
  context: LedgerContext,
): ReleaseDecision {
  const decidedAt = toIso(at);
  const { lapsedRefund, graceDays } = context.policies;
  const release: Release = { returned: [], reissued: [], policy: null };
  const then: AccountFact[] = [];
  for (const { grantId, credits, consumed } of parts) {
    const grant = state.grants.get(grantId);
    invariant(grant !== undefined, () => `${taskId} was drawn from ${grantId}, which is none of the account's`);
    const before = moved(countersOf(grant), { available: 0, held: -consumed, gone: consumed });
    const lapsed = !grant.isRevoked && hasLapsed(grant, at);
    if (lapsed) release.policy = { lapsedRefund, graceDays };
    if (lapsed && lapsedRefund === 'grace') {
      release.reissued.push(reissue(grant, credits, before, from, at, context));
      continue;
    }
    const after = moved(
      before,
      from === 'held' ? { available: credits, held: -credits, gone: 0 } : { available: credits, held: 0, gone: -credits },
    );
    release.returned.push(grantPart(grant, credits, before, after));
    if (!lapsed && !grant.isRevoked) continue;
    const part = grantPart(grant, credits, after, moved(after, { available: -credits, held: 0, gone: credits }));
    if (grant.isRevoked)
      then.push({
        type: 'GrantRevoked',
        data: {
          ...{ decidedAt, part, reason: 'A hold of a revoked grant came back.', cause: 'returned_hold', taskId, loss: null },
          ...{ disputeId: grant.disputeId, spent: grant.spentIsDebt ? 'debt' : 'forgive' },
        },
      });
    else then.push({ type: 'CreditsExpired', data: { decidedAt, part, cause: 'lapsed_refund', effectiveAt: decidedAt, taskId } });
  }
  return { release, then };
}

const DAY_MS = 86_400_000;

/** A new grant of the same bucket takes the credits and what they cost; the lapsed one counts them as reissued. */
function reissue(
  grant: GrantState,
  credits: Credits,
  before: GrantPart['before'],
  from: 'held' | 'consumed',
  at: InstantMs,
  context: LedgerContext,
): Reissue {
  // Goodwill gives back consumed credits, which were gone already: they only change what they are gone to.
  const after = moved(before, from === 'held' ? { available: 0, held: -credits, gone: credits } : { available: 0, held: 0, gone: 0 });
  const goneBefore = from === 'held' ? before.gone : before.gone - credits;
  return {
    from: grantPart(grant, credits, before, after),
    grant: {
      grantId: context.nextGrantId(),
      bucket: grant.bucket,
      credits,
      expiresAt: toIso(at + context.policies.graceDays * DAY_MS),
      reference: grant.reference,
      costBasis: movedBasis(grant.costBasis, goneBefore, goneBefore + credits, grant.credits),
      reissuedFrom: grant.id,
      ...(isFrozen(grant) && grant.disputeId !== null && { disputeId: grant.disputeId }),
    },
  };
}
