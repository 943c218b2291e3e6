// 2 decide · what disputes, revocations and debts make of the account; called by evolve alone.
import { fromIso, invariant } from '#libs/kernel';
import type { AccountFact } from './account.facts.js';
import type { AccountState, DisputeState } from './account.state.js';
import { spendableChanged } from './burn-order.js';
import { settledMinor } from './debt.js';
import { countGoodwill } from './goodwill-count.js';
import { grantOf, move } from './grant-movement.js';
import { isFrozen } from './grant-part.js';

type DataOf<Type extends AccountFact['type']> = Extract<AccountFact, { type: Type }>['data'];

export function revoke(state: AccountState, data: DataOf<'GrantRevoked'>): void {
  move(state, data.part, 'available', 'revoked');
  const grant = grantOf(state, data.part.grantId);
  grant.isRevoked = true;
  if (data.spent === 'debt') grant.spentIsDebt = true;
  if (data.disputeId !== undefined && data.disputeId !== null) disputeOf(state, data.disputeId).revision = state.revision;
}

export function openDispute(state: AccountState, data: DataOf<'DisputeOpened'>): void {
  const { disputeId, reference, reason } = data;
  invariant(!state.disputes.has(disputeId), () => `${disputeId} was opened twice`);
  for (const { grantId, frozen } of data.grants) {
    const grant = grantOf(state, grantId);
    invariant(!isFrozen(grant) && !grant.isRevoked, () => `${disputeId} freezes ${grantId}, which is disputed or revoked`);
    invariant(grant.available === frozen, () => `${disputeId} freezes ${frozen} of ${grant.available} of ${grantId}`);
    grant.disputeId = disputeId;
    grant.revision = state.revision;
    state.frozen += grant.available;
  }
  const grantIds = data.grants.map((grant) => grant.grantId);
  const openedAt = fromIso(data.decidedAt);
  const { revision } = state;
  state.disputes.set(disputeId, { disputeId, grantIds, reference, reason, status: 'open', openedAt, closedAt: null, debt: 0, revision });
  spendableChanged(state);
}

export function winDispute(state: AccountState, data: DataOf<'DisputeWon'>): void {
  const dispute = close(state, data, 'won');
  for (const grantId of dispute.grantIds) {
    const grant = grantOf(state, grantId);
    invariant(
      grant.disputeId === dispute.disputeId && isFrozen(grant),
      () => `${dispute.disputeId} thaws ${grantId}, which it has not frozen`,
    );
    state.frozen -= grant.available;
    grant.disputeId = null;
    grant.revision = state.revision;
  }
  invariant(state.frozen >= 0, () => `${state.frozen} frozen after ${dispute.disputeId} was won`);
  spendableChanged(state);
}

/** Its grants were revoked by the facts before it. */
export function loseDispute(state: AccountState, data: DataOf<'DisputeLost'>): void {
  const dispute = close(state, data, 'lost');
  for (const grantId of dispute.grantIds) {
    const grant = grantOf(state, grantId);
    invariant(grant.isRevoked && grant.spentIsDebt, () => `${dispute.disputeId} was lost with ${grantId} left`);
  }
  invariant(dispute.debt === data.credits.debt, () => `${dispute.disputeId} made ${dispute.debt} debt instead of ${data.credits.debt}`);
}

function close(state: AccountState, data: { disputeId: string; decidedAt: string }, status: 'won' | 'lost'): DisputeState {
  const dispute = disputeOf(state, data.disputeId);
  invariant(dispute.status === 'open', () => `${data.disputeId} was ${dispute.status} before it was ${status}`);
  dispute.status = status;
  dispute.closedAt = fromIso(data.decidedAt);
  dispute.revision = state.revision;
  return dispute;
}

function disputeOf(state: AccountState, disputeId: string): DisputeState {
  const dispute = state.disputes.get(disputeId);
  invariant(dispute !== undefined, () => `there is no dispute ${disputeId}`);
  return dispute;
}

export function recordDebt(state: AccountState, data: DataOf<'DebtRecorded'>): void {
  const { debtId, credits, money, grantId, bucket, disputeId } = data;
  invariant(!state.debts.has(debtId), () => `${debtId} was recorded twice`);
  invariant(Number.isSafeInteger(credits) && credits > 0, () => `${debtId} is of ${credits} credits`);
  if (grantId !== null) {
    const grant = grantOf(state, grantId);
    invariant(grant.isRevoked && grant.spentIsDebt, () => `${debtId} is owed for ${grantId}, which was not taken back`);
    grant.revision = state.revision;
  }
  state.debts.set(debtId, { debtId, credits, money, grantId, bucket, settled: 0 });
  state.debt += credits;
  if (disputeId === null) return;
  const dispute = disputeOf(state, disputeId);
  dispute.debt += credits;
  dispute.revision = state.revision;
}

export function repayDebt(state: AccountState, data: DataOf<'DebtRepaid'>): void {
  const { cause, credits, part, settlements, goodwill } = data;
  let settled = 0;
  for (const settlement of settlements) {
    const debt = state.debts.get(settlement.debtId);
    invariant(debt !== undefined, () => `${settlement.debtId} is not owed`);
    invariant(
      settlement.settled > 0 &&
        debt.settled === settlement.settledBefore &&
        settlement.settledAfter === settlement.settledBefore + settlement.settled &&
        settlement.settledAfter <= debt.credits,
      () => `${debt.debtId} stands at ${debt.settled} of ${debt.credits}: ${JSON.stringify(settlement)}`,
    );
    const { money } = debt;
    const due =
      money === null ? 0 : settledMinor(money, settlement.settledAfter, debt.credits) - settledMinor(money, debt.settled, debt.credits);
    invariant((settlement.receivable?.amountMinor ?? 0) === due, () => `${debt.debtId} gives back ${due}: ${JSON.stringify(settlement)}`);
    debt.settled = settlement.settledAfter;
    settled += settlement.settled;
    if (debt.settled === debt.credits) state.debts.delete(debt.debtId);
  }
  invariant(settled === credits && credits > 0, () => `${credits} repaid of ${settled} settled`);
  state.debt -= credits;
  invariant(state.debt >= 0, () => `the account owes ${state.debt}`);
  if (part !== null) {
    invariant(part.credits === credits, () => `${part.grantId} repays ${part.credits} of ${credits}`);
    if (cause === 'purchase') move(state, part, 'available', 'repaid');
    else move(state, part, 'consumed', 'revoked');
  }
  if (goodwill !== null) countGoodwill(state, goodwill.taskId, goodwill.fromGrantId, credits);
}
