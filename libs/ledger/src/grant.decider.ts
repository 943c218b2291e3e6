// 2 decide · credits that are given and taken back by request; called by the account's decider.
import { CREDITS_MAX, refuse, toIso, type Credits, type InstantMs, type Money, type Refusal } from '#libs/kernel';
import { BUCKETS, type AccountFact } from './account.facts.js';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountState, LedgerContext } from './account.state.js';
import { isCurrency } from './currency.js';
import { repaymentBy } from './debt.js';
import { openDisputeOn } from './dispute.decider.js';
import { invalid } from './refusals.js';
import { revocationOf, withReissues } from './revocation.js';

const REFERENCE_CHARACTERS_MAX = 255;
/** Half of what can be counted exactly: the rest is for allowances, upgrades and reissues, which are never refused. */
const ACCOUNT_CREDITS_MAX = 2 ** 52;

type GrantCredits = Extract<AccountCommand, { type: 'GrantCredits' }>;
type RevokeGrant = Extract<AccountCommand, { type: 'RevokeGrant' }>;

export function decideGrant(
  state: AccountState,
  command: GrantCredits,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> {
  const refusal = faultOf(state, command, at);
  if (refusal !== null) return refusal;
  const { bucket, credits, reference } = command;
  // Subscription credits never outlive their cycle; what was given without an end has the cycle's.
  const expiresAt = command.expiresAt ?? (bucket === 'subscription' ? state.nextResetAt : null);
  // A cost basis of 0 is the same as none.
  const costBasis = command.costBasis === null || command.costBasis.amountMinor === 0 ? null : command.costBasis;
  const terms = {
    grantId: context.nextGrantId(),
    bucket,
    credits,
    expiresAt: expiresAt === null ? null : toIso(expiresAt),
    reference,
    costBasis,
    reissuedFrom: null,
  };
  return [{ type: 'CreditsGranted', data: { decidedAt: toIso(at), ...terms, cause: 'api' } }, ...repaymentBy(state, terms, at)];
}

function faultOf(state: AccountState, command: GrantCredits, at: InstantMs): Refusal<AccountRefusalCode> | null {
  const { bucket, credits, expiresAt, reference, costBasis } = command;
  if (!BUCKETS.includes(bucket)) return invalid('/bucket', `Must be one of ${BUCKETS.join(', ')}.`);
  if (!Number.isSafeInteger(credits) || credits < 1 || credits > CREDITS_MAX)
    return invalid('/credits', `Must be a whole number from 1 to ${CREDITS_MAX}.`);
  const excess = exceedsAccount(state, credits);
  if (excess !== null) return excess;
  if (expiresAt !== null && !(expiresAt > at)) return invalid('/expiresAt', 'Must be later than now.');
  if (reference !== null && reference.length > REFERENCE_CHARACTERS_MAX)
    return invalid('/reference', `Must have at most ${REFERENCE_CHARACTERS_MAX} characters.`);
  return costBasis === null ? null : costFault(command, costBasis);
}

export function exceedsAccount(state: AccountState, credits: Credits): Refusal<AccountRefusalCode> | null {
  if (state.available + state.held + credits <= ACCOUNT_CREDITS_MAX) return null;
  return invalid('/credits', 'The account would have more credits than can be counted exactly.');
}

/** Promotional and referral credits were never paid for: money on them would be revenue that nobody paid. */
function costFault(command: GrantCredits, { currency, amountMinor }: Money): Refusal<AccountRefusalCode> | null {
  if (!isCurrency(currency)) return invalid('/costBasis/currency', `"${currency}" is no active ISO 4217 code in capitals.`);
  if (!Number.isSafeInteger(amountMinor) || amountMinor < 0)
    return invalid('/costBasis/amountMinor', `Must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`);
  if (command.bucket === 'purchased' || command.bucket === 'subscription') return null;
  return invalid('/costBasis', 'Only purchased and subscription credits have a cost basis.');
}

/**
 * What is available is taken back now; what is held follows when it comes back. What was spent is forgiven, or becomes debt as in a lost
 * dispute: then what was reissued from the grant goes with it.
 */
export function decideRevoke(
  state: AccountState,
  command: RevokeGrant,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged' {
  const { reason, spent = 'forgive' } = command;
  const grant = state.grants.get(command.grantId);
  if (grant === undefined) return refuse('not_found', 'The account has no such grant.');
  if (grant.isRevoked) return 'unchanged';
  const family = spent === 'debt' ? withReissues(state, [grant]) : [grant];
  const contested = openDisputeOn(family);
  if (contested !== null) return contested;
  const why = { cause: 'request', reason, disputeId: null, spent } as const;
  return family.filter((member) => !member.isRevoked).flatMap((member) => revocationOf(member, why, at, context));
}
