// 2 decide · how a grant is taken back: what is available at once, what was spent as debt where it is owed; called by revocations and lost disputes.
import { toIso, type InstantMs } from '#libs/kernel';
import type { AccountFact, GrantLoss } from './account.facts.js';
import type { AccountState, GrantState, LedgerContext } from './account.state.js';
import { countersOf, grantPart, moved } from './grant-part.js';

export interface RevocationCause {
  cause: 'request' | 'dispute_lost';
  reason: string;
  disputeId: string | null;
  spent: 'forgive' | 'debt';
}

/** A held part is honoured: it follows when it comes back, or when it is consumed. */
export function revocationOf(grant: GrantState, why: RevocationCause, at: InstantMs, context: LedgerContext): AccountFact[] {
  const { cause, reason, disputeId, spent } = why;
  const decidedAt = toIso(at);
  const before = countersOf(grant);
  const part = grantPart(grant, before.available, before, moved(before, { available: -before.available, held: 0, gone: before.available }));
  const loss = spent === 'debt' ? lossOf(grant) : null;
  const facts: AccountFact[] = [{ type: 'GrantRevoked', data: { decidedAt, part, reason, cause, taskId: null, disputeId, spent, loss } }];
  const owed = grant.consumed + grant.repaid;
  if (spent === 'forgive' || owed === 0) return facts;
  facts.push({
    type: 'DebtRecorded',
    data: {
      decidedAt,
      debtId: context.nextDebtId(),
      credits: owed,
      money: spentMoney(grant),
      grantId: grant.id,
      bucket: grant.bucket,
      cause: cause === 'dispute_lost' ? 'dispute_lost' : 'revocation',
      disputeId,
      taskId: null,
      reservationId: null,
      model: null,
    },
  });
  return facts;
}

function spentMoney({ costBasis, money }: GrantState): { currency: string; amountMinor: number } | null {
  return costBasis === null || money === null ? null : { currency: costBasis.currency, amountMinor: money.consumed + money.repaid };
}

function lossOf(grant: GrantState): GrantLoss {
  const { money } = grant;
  if (money === null) return { expiredMinor: 0, adjustedMinor: 0, roundingMinor: 0 };
  const isSpent = grant.consumed + grant.repaid > 0;
  return { expiredMinor: money.expired, adjustedMinor: money.adjusted, roundingMinor: isSpent ? 0 : money.consumed + money.repaid };
}

/** The grants and all that was reissued from them, however often, oldest first. What was reissued is always younger than what it came from. */
export function withReissues(state: AccountState, roots: Iterable<GrantState>): GrantState[] {
  const ids = new Set<string>();
  for (const root of roots) ids.add(root.id);
  for (const grant of state.grants.values()) if (grant.reissuedFrom !== null && ids.has(grant.reissuedFrom)) ids.add(grant.id);
  return [...state.grants.values()].filter((grant) => ids.has(grant.id));
}
