// 2 → 1 · what an account's state looks like to clients; the answer of every write, of replays and of looks into the past. Pure.
import { toIso, type Credits, type InstantMs } from '#libs/kernel';
import { BUCKETS, type Bucket } from './account.facts.js';
import type { AccountState, AdjustmentState, DisputeState, GrantState } from './account.state.js';
import type { AccountView, AdjustmentView, BalanceView, BucketBalance, DisputeView, GrantView } from './account.view.js';
import { compareBurn } from './burn-order.js';
import { hasLapsed, isFrozen } from './grant-part.js';
import { recognisedMinor } from './recognition.js';

/** Where the state stands in the log. */
export interface StatePlace {
  revision: number;
  position: string;
}

/** What rendering needs to know of the deployment. */
export interface RenderContext {
  burnOrder: readonly Bucket[];
  /** The plan's monthly allowance as defined now; 0 for an unknown plan. */
  allowanceOf: (plan: string) => Credits;
}

/** The pending plan's allowance is what the next reset grants. */
function nextResetOf(state: AccountState, allowanceOf: RenderContext['allowanceOf']): { at: string; allowance: Credits } {
  return { at: toIso(state.nextResetAt), allowance: allowanceOf(state.pendingPlan ?? state.plan) };
}

/** `name` null and `forgotten` true once the person behind the account was forgotten. */
export function accountView(
  state: AccountState,
  who: { name: string | null; forgotten: boolean },
  place: StatePlace,
  context: Pick<RenderContext, 'allowanceOf'>,
): AccountView {
  return {
    id: state.accountId,
    name: who.name,
    plan: state.plan,
    pendingPlan: state.pendingPlan,
    timezone: state.timezone,
    billingAnchor: toIso(state.billingAnchor),
    status: state.status,
    forgotten: who.forgotten,
    nextReset: nextResetOf(state, context.allowanceOf),
    createdAt: toIso(state.openedAt),
    revision: place.revision,
    position: place.position,
  };
}

/** Validity of grants is judged at `at`: what has lapsed is not available, whether or not that was booked. */
export function balanceView(state: AccountState, at: InstantMs, place: StatePlace, context: RenderContext): BalanceView {
  const buckets = {} as Record<Bucket, BucketBalance>;
  for (const bucket of BUCKETS) buckets[bucket] = { available: 0, held: 0, frozen: 0 };
  const shown: GrantState[] = [];
  let available = 0;
  let held = 0;
  let frozen = 0;
  for (const grant of state.grants.values()) {
    const free = availableAt(grant, at);
    if (free === 0 && grant.held === 0) continue;
    shown.push(grant);
    available += free;
    held += grant.held;
    buckets[grant.bucket].available += free;
    buckets[grant.bucket].held += grant.held;
    if (!isFrozen(grant)) continue;
    frozen += free;
    buckets[grant.bucket].frozen += free;
  }
  return {
    accountId: state.accountId,
    plan: state.plan,
    available,
    held,
    frozen,
    debt: state.debt,
    buckets,
    grants: shown.sort(compareBurn(context.burnOrder)).map((grant) => ({
      id: grant.id,
      bucket: grant.bucket,
      credits: grant.credits,
      available: availableAt(grant, at),
      held: grant.held,
      frozen: isFrozen(grant) ? availableAt(grant, at) : 0,
      expiresAt: grant.expiresAt === null ? null : toIso(grant.expiresAt),
      reference: grant.reference,
    })),
    nextReset: nextResetOf(state, context.allowanceOf),
    revision: place.revision,
    position: place.position,
    asOf: toIso(at),
  };
}

function availableAt(grant: GrantState, at: InstantMs): Credits {
  return hasLapsed(grant, at) ? 0 : grant.available;
}

/** `position` is that of the grant's latest fact. Lapsed credits that are not booked yet already count as expired. */
export function grantView(accountId: string, grant: GrantState, at: InstantMs, position: string): GrantView {
  const available = availableAt(grant, at);
  const gone = grant.credits - available - grant.held;
  const recognised = grant.costBasis === null ? null : recognisedMinor(grant.costBasis, gone, grant.credits);
  return {
    id: grant.id,
    accountId,
    bucket: grant.bucket,
    credits: grant.credits,
    available,
    held: grant.held,
    consumed: grant.consumed,
    expired: grant.expired + grant.available - available,
    revoked: grant.revoked,
    reissued: grant.reissued,
    adjusted: grant.adjusted,
    repaid: grant.repaid,
    frozen: isFrozen(grant) ? available : 0,
    grantedAt: toIso(grant.grantedAt),
    expiresAt: grant.expiresAt === null ? null : toIso(grant.expiresAt),
    reference: grant.reference,
    costBasis: grant.costBasis,
    recognisedMinor: recognised,
    deferredMinor: grant.costBasis === null || recognised === null ? null : grant.costBasis.amountMinor - recognised,
    reissuedFrom: grant.reissuedFrom,
    disputeId: grant.disputeId,
    position,
  };
}

/** `position` is that of the dispute's latest fact. What has lapsed and is not booked yet is not available. */
export function disputeView(state: AccountState, dispute: DisputeState, at: InstantMs, position: string): DisputeView {
  const { disputeId, grantIds, reference, reason, status, openedAt, closedAt, debt } = dispute;
  const credits = { available: 0, held: 0, consumed: 0, revoked: 0, debt };
  for (const grantId of grantIds) {
    const grant = state.grants.get(grantId);
    if (grant === undefined) continue;
    credits.available += availableAt(grant, at);
    credits.held += grant.held;
    credits.consumed += grant.consumed;
    credits.revoked += grant.revoked;
  }
  return {
    ...{ id: disputeId, accountId: state.accountId, grantIds: [...grantIds], reference, reason, status, credits },
    ...{ openedAt: toIso(openedAt), closedAt: closedAt === null ? null : toIso(closedAt), position },
  };
}

/** `position` is that of the adjustment's latest fact. */
export function adjustmentView(
  accountId: string,
  adjustment: Omit<AdjustmentState, 'limit' | 'revision'>,
  position: string,
): AdjustmentView {
  const { adjustmentId, bucket, credits, reason, ticket, status, requestedBy, approvedBy, grantId, createdAt } = adjustment;
  return {
    ...{ id: adjustmentId, accountId, bucket, credits, reason, ticket, status, requestedBy, approvedBy, grantId },
    ...{ createdAt: toIso(createdAt), position },
  };
}
