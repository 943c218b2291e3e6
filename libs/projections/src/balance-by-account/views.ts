// query · renders accounts, balances and grants from their rows, validity judged at an instant; called by query.postgres.ts.
import { toIso, type Credits, type InstantMs } from '#libs/kernel';
import {
  BUCKETS,
  hasLapsed,
  recognisedMinor,
  type BalanceView,
  type Bucket,
  type BucketBalance,
  type GrantState,
  type GrantView,
} from '#libs/ledger';
import type { BalanceRow } from './balance-rows.postgres.js';

/** What a plan gives at a reset; 0 for a plan that is not known. */
export type AllowanceOf = (plan: string) => Credits;

export function balanceView(accountId: string, row: BalanceRow, at: InstantMs, allowanceOf: AllowanceOf): BalanceView {
  const buckets = Object.fromEntries(BUCKETS.map((bucket) => [bucket, { available: 0, held: 0, frozen: 0 }])) as Record<
    Bucket,
    BucketBalance
  >;
  const grants: BalanceView['grants'] = [];
  let allAvailable = 0;
  let allHeld = 0;
  for (const grant of row.grants) {
    const available = hasLapsed(grant, at) ? 0 : grant.available;
    const { id, bucket, credits, held, expiresAt, reference } = grant;
    if (available === 0 && held === 0) continue;
    buckets[bucket].available += available;
    buckets[bucket].held += held;
    allAvailable += available;
    allHeld += held;
    grants.push({ id, bucket, credits, available, held, expiresAt: expiresAt === null ? null : toIso(expiresAt), reference });
  }
  return {
    accountId,
    plan: row.plan,
    available: allAvailable,
    held: allHeld,
    frozen: 0,
    debt: 0,
    buckets,
    grants,
    nextReset: { at: toIso(row.nextResetAt), allowance: allowanceOf(row.pendingPlan ?? row.plan) },
    revision: row.revision,
    position: row.position,
    asOf: toIso(at),
  };
}

export function grantView(accountId: string, grant: GrantState, position: string): GrantView {
  const {
    id,
    bucket,
    credits,
    available,
    held,
    consumed,
    expired,
    revoked,
    reissued,
    adjusted,
    repaid,
    reference,
    costBasis,
    reissuedFrom,
  } = grant;
  const recognised = costBasis === null ? null : recognisedMinor(costBasis, credits - available - held, credits);
  return {
    id,
    accountId,
    ...{ bucket, credits, available, held, consumed, expired, revoked, reissued, adjusted, repaid, frozen: 0 },
    grantedAt: toIso(grant.grantedAt),
    expiresAt: grant.expiresAt === null ? null : toIso(grant.expiresAt),
    reference,
    costBasis,
    recognisedMinor: recognised,
    deferredMinor: costBasis === null || recognised === null ? null : costBasis.amountMinor - recognised,
    reissuedFrom,
    disputeId: null,
    position,
  };
}
