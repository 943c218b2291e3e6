// 2 decide · what adjustments and their approval make of the account; called by evolve alone.
import { fromIso, invariant } from '#libs/kernel';
import type { AccountFact } from './account.facts.js';
import type { AccountState, AdjustmentState } from './account.state.js';
import { addGrant, move } from './grant-movement.js';

type DataOf<Type extends AccountFact['type']> = Extract<AccountFact, { type: Type }>['data'];

export function requestAdjustment(state: AccountState, { decidedAt, ...terms }: DataOf<'AdjustmentRequested'>): void {
  const { adjustmentId } = terms;
  invariant(!state.adjustments.has(adjustmentId), () => `${adjustmentId} was asked for twice`);
  state.adjustments.set(adjustmentId, {
    ...terms,
    ...{ status: 'pending_approval', approvedBy: null, grantId: null },
    ...{ createdAt: fromIso(decidedAt), revision: state.revision },
  });
}

export function rejectAdjustment(state: AccountState, data: DataOf<'AdjustmentRejected'>): void {
  const adjustment = decide(state, data.adjustmentId, 'rejected');
  invariant(adjustment.requestedBy !== data.rejectedBy, () => `${data.adjustmentId} was decided by who asked for it`);
}

export function adjust(state: AccountState, data: DataOf<'CreditsAdjusted'>): void {
  const { adjustmentId, credits, granted, parts, approvedBy } = data;
  const sum = parts.reduce((total, part) => total - part.credits, granted?.credits ?? 0);
  invariant(sum === credits && credits !== 0, () => `${adjustmentId} adjusts by ${sum} instead of ${credits}`);
  if (approvedBy === null) {
    invariant(Math.abs(credits) <= data.limit, () => `${adjustmentId} was applied without a second person`);
  } else {
    const adjustment = decide(state, adjustmentId, 'applied');
    invariant(adjustment.requestedBy !== approvedBy, () => `${adjustmentId} was decided by who asked for it`);
    adjustment.approvedBy = approvedBy;
    adjustment.grantId = granted?.grantId ?? null;
  }
  if (granted !== null) addGrant(state, granted, fromIso(data.decidedAt));
  for (const part of parts) move(state, part, 'available', 'adjusted');
}

function decide(state: AccountState, adjustmentId: string, status: 'applied' | 'rejected'): AdjustmentState {
  const adjustment = state.adjustments.get(adjustmentId);
  invariant(adjustment?.status === 'pending_approval', () => `${adjustmentId} does not wait for an approval`);
  adjustment.status = status;
  adjustment.revision = state.revision;
  return adjustment;
}
