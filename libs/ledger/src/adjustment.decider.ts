// 2 decide · corrections by hand: applied at once up to a limit, above it only once a second person agrees; called by the account's decider.
import { CREDITS_MAX, refuse, toIso, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import { BUCKETS, type AccountFact, type AdjustmentTerms, type GrantPart, type GrantTerms } from './account.facts.js';
import type { AccountState, AdjustmentState, LedgerContext } from './account.state.js';
import { burnList } from './burn-order.js';
import { repaymentBy } from './debt.js';
import { exceedsAccount } from './grant.decider.js';
import { countersOf, grantPart, moved } from './grant-part.js';
import { invalid } from './refusals.js';

const TEXT_CHARACTERS_MAX = 2_000;

type Adjust = Extract<AccountCommand, { type: 'Adjust' }>;
type Approve = Extract<AccountCommand, { type: 'ApproveAdjustment' }>;
type Reject = Extract<AccountCommand, { type: 'RejectAdjustment' }>;
type Decided = AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged';

export function decideAdjust(state: AccountState, command: Adjust, at: InstantMs, context: LedgerContext): Decided {
  const fault = faultOf(command);
  if (fault !== null) return fault;
  const { adjustmentId, bucket, credits, reason, ticket, requestedBy } = command;
  if (state.adjustments.has(adjustmentId)) return 'unchanged';
  const limit = context.policies.adjustmentLimit;
  const terms: AdjustmentTerms = { adjustmentId, bucket, credits, reason, ticket, requestedBy, limit };
  const applied = applying(state, terms, null, at, context);
  if (!Array.isArray(applied) || Math.abs(credits) <= limit) return applied;
  return [{ type: 'AdjustmentRequested', data: { decidedAt: toIso(at), ...terms } }];
}

function faultOf({ bucket, credits, reason, ticket }: Adjust): Refusal<AccountRefusalCode> | null {
  if (!BUCKETS.includes(bucket)) return invalid('/bucket', `Must be one of ${BUCKETS.join(', ')}.`);
  if (!Number.isSafeInteger(credits) || credits === 0 || Math.abs(credits) > CREDITS_MAX)
    return invalid('/credits', `Must be a whole number other than 0, of at most ${CREDITS_MAX} either way.`);
  if (reason.trim() === '' || reason.length > TEXT_CHARACTERS_MAX)
    return invalid('/reason', `Must have 1 to ${TEXT_CHARACTERS_MAX} characters.`);
  if (ticket.trim() === '' || ticket.length > TEXT_CHARACTERS_MAX)
    return invalid('/ticket', `Must have 1 to ${TEXT_CHARACTERS_MAX} characters.`);
  return null;
}

/** Four eyes: never the key that asked. What there is to take is judged anew, because time has passed. */
export function decideApproval(state: AccountState, command: Approve, at: InstantMs, context: LedgerContext): Decided {
  const { adjustmentId, approvedBy } = command;
  const pending = pendingOne(state, adjustmentId, approvedBy, 'applied');
  if ('unchanged' in pending) return 'unchanged';
  if ('code' in pending) return pending;
  const { bucket, credits, reason, ticket, requestedBy, limit } = pending;
  return applying(state, { adjustmentId, bucket, credits, reason, ticket, requestedBy, limit }, approvedBy, at, context);
}

export function decideRejection(state: AccountState, command: Reject, at: InstantMs): Decided {
  const { adjustmentId, rejectedBy, reason } = command;
  if (reason.trim() === '' || reason.length > TEXT_CHARACTERS_MAX)
    return invalid('/reason', `Must have 1 to ${TEXT_CHARACTERS_MAX} characters.`);
  const pending = pendingOne(state, adjustmentId, rejectedBy, 'rejected');
  if ('unchanged' in pending) return 'unchanged';
  if ('code' in pending) return pending;
  return [{ type: 'AdjustmentRejected', data: { decidedAt: toIso(at), adjustmentId, rejectedBy, reason } }];
}

function pendingOne(
  state: AccountState,
  adjustmentId: string,
  by: string,
  ending: 'applied' | 'rejected',
): AdjustmentState | Refusal<AccountRefusalCode> | { unchanged: true } {
  const adjustment = state.adjustments.get(adjustmentId);
  if (adjustment === undefined) return refuse('already_settled', 'The adjustment needed no second person: it was applied at once.');
  if (adjustment.requestedBy === by)
    return refuse('forbidden', 'An adjustment is approved or rejected by another key than the one that asked for it.');
  if (adjustment.status === ending) return { unchanged: true };
  if (adjustment.status === 'pending_approval') return adjustment;
  return refuse('already_settled', `The adjustment was ${adjustment.status}.`, { outcome: adjustment.status });
}

function applying(
  state: AccountState,
  terms: AdjustmentTerms,
  approvedBy: string | null,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> {
  const decidedAt = toIso(at);
  if (terms.credits > 0) {
    const excess = exceedsAccount(state, terms.credits);
    if (excess !== null) return excess;
    const granted = grantTerms(state, terms, context);
    return [{ type: 'CreditsAdjusted', data: { decidedAt, ...terms, approvedBy, granted, parts: [] } }, ...repaymentBy(state, granted, at)];
  }
  const parts = taken(state, terms, context);
  if (!Array.isArray(parts)) return parts;
  return [{ type: 'CreditsAdjusted', data: { decidedAt, ...terms, approvedBy, granted: null, parts } }];
}

/** Nobody paid for them, so they have no cost basis; subscription credits never outlive their cycle. */
function grantTerms(state: AccountState, { bucket, credits, ticket }: AdjustmentTerms, context: LedgerContext): GrantTerms {
  const expiresAt = bucket === 'subscription' ? toIso(state.nextResetAt) : null;
  return { grantId: context.nextGrantId(), bucket, credits, expiresAt, reference: ticket, costBasis: null, reissuedFrom: null };
}

/** From what of the bucket can be spent, in burn order: a dispute keeps what it froze. */
function taken(state: AccountState, terms: AdjustmentTerms, context: LedgerContext): GrantPart[] | Refusal<AccountRefusalCode> {
  const grants = burnList(state, context.policies.burnOrder).filter((grant) => grant.bucket === terms.bucket);
  const available = grants.reduce((sum, grant) => sum + grant.available, 0);
  let left = -terms.credits;
  if (left > available) {
    return refuse('conflict', `The bucket ${terms.bucket} has ${available} credits that can be taken; ${left} were asked for.`, {
      available,
    });
  }
  const parts: GrantPart[] = [];
  for (const grant of grants) {
    const take = Math.min(grant.available, left);
    if (take === 0) break;
    left -= take;
    const before = countersOf(grant);
    parts.push(grantPart(grant, take, before, moved(before, { available: -take, held: 0, gone: take })));
  }
  return parts;
}
