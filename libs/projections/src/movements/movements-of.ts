// 4 project · decides which movements a fact of an account makes: one per signed change of one grant; called by project.ts.
import { fromIso, unreachable, type Credits, type InstantMs } from '#libs/kernel';
import type { StoredFact } from '#libs/event-store';
import type { AccountFact, Bucket, GrantPart, GrantTerms, MovementType, Release } from '#libs/ledger';

export interface Movement {
  fact: StoredFact;
  ordinal: number;
  effectiveAt: InstantMs;
  type: MovementType;
  bucket: Bucket;
  grantId: string;
  /** The signed change of the grant's available. */
  credits: Credits;
  consumed: Credits;
  availableBefore: Credits;
  availableAfter: Credits;
  taskId: string | null;
  reason: string | null;
}

interface Circumstances {
  taskId: string | null;
  reason: string | null;
  /** Default: when it was recorded. */
  effectiveAt?: InstantMs;
}

/** Appends to `movements`, in the order in which they happened. */
export function movementsOf(stored: StoredFact, movements: Movement[]): void {
  const fact = stored as unknown as AccountFact;
  const first = movements.length;
  const add = (
    type: MovementType,
    grant: { grantId: string; bucket: Bucket },
    before: Credits,
    after: Credits,
    why: Circumstances,
    consumed = 0,
  ): void => {
    const { taskId, reason, effectiveAt = stored.recordedAt } = why;
    const ordinal = movements.length - first;
    const change = { credits: after - before, consumed, availableBefore: before, availableAfter: after };
    movements.push({ fact: stored, ordinal, effectiveAt, type, bucket: grant.bucket, grantId: grant.grantId, ...change, taskId, reason });
  };
  const moved = (type: MovementType, part: GrantPart, why: Circumstances): void =>
    add(type, part, part.before.available, part.after.available, why);
  const granted = (type: MovementType, terms: GrantTerms, why: Circumstances): void => add(type, terms, 0, terms.credits, why);
  const released = (release: Release, why: Circumstances): void => {
    for (const part of release.returned) moved('refunded', part, why);
    // The lapsed grant's available does not change: what was held, or consumed, comes back as the new grant.
    for (const { grant } of release.reissued) granted('refunded', grant, why);
  };
  switch (fact.type) {
    case 'CreditsGranted': {
      const { goodwill } = fact.data;
      if (goodwill !== undefined) granted('refunded', fact.data, { taskId: goodwill.taskId, reason: goodwill.reason });
      else granted('granted', fact.data, { taskId: null, reason: fact.data.reference ?? fact.data.cause });
      return;
    }
    case 'CreditsReserved':
      for (const { taskId, drawdown } of fact.data.reservations)
        for (const part of drawdown) moved('reserved', part, { taskId, reason: null });
      return;
    case 'CreditsConsumed': {
      const why = { taskId: fact.data.taskId, reason: null };
      for (const part of fact.data.parts) add('consumed', part, part.before.available, part.after.available, why, part.credits);
      released(fact.data, why);
      return;
    }
    case 'CreditsRefunded':
      released(fact.data, { taskId: fact.data.taskId, reason: fact.data.reason });
      return;
    case 'CreditsExpired':
      moved('expired', fact.data.part, { taskId: fact.data.taskId, reason: fact.data.cause, effectiveAt: fromIso(fact.data.effectiveAt) });
      return;
    case 'CycleReset': {
      const byOperator = fact.data.cause === 'operator';
      const why = { taskId: null, reason: fact.data.reason ?? fact.data.cause, effectiveAt: fromIso(fact.data.effectiveAt) };
      for (const part of fact.data.lapsed) moved(byOperator ? 'reset' : 'expired', part, why);
      if (fact.data.granted !== null) granted(byOperator ? 'reset' : 'granted', fact.data.granted, why);
      return;
    }
    case 'GrantRevoked':
      moved('revoked', fact.data.part, { taskId: fact.data.taskId, reason: fact.data.reason });
      return;
    case 'DebtRepaid': {
      const { cause, part, goodwill } = fact.data;
      // What was used beyond a reservation came from no grant, so that no grant moves when it is forgiven.
      if (part === null) return;
      moved('repaid', part, { taskId: goodwill?.taskId ?? null, reason: goodwill?.reason ?? cause });
      return;
    }
    case 'CreditsAdjusted': {
      const why = { taskId: null, reason: fact.data.reason };
      if (fact.data.granted !== null) granted('adjusted', fact.data.granted, why);
      for (const part of fact.data.parts) moved('adjusted', part, why);
      return;
    }
    case 'DisputeOpened':
    case 'DisputeWon':
    case 'DisputeLost':
    case 'DebtRecorded':
    case 'AdjustmentRequested':
    case 'AdjustmentRejected':
    case 'AccountOpened':
    case 'PlanChanged':
    case 'ProviderCostBooked':
    case 'AccountSuspended':
    case 'AccountResumed':
      return;
    default:
      unreachable(fact, 'account fact');
  }
}
