// 2 decide · what is owed: how debts are settled, oldest first, and what money that moves; called by grants, goodwill and revocations.
import { toIso, type Credits, type InstantMs, type Money } from '#libs/kernel';
import type { AccountFact, DebtSettlement, GrantTerms } from './account.facts.js';
import type { AccountState, DebtState } from './account.state.js';
import { moved } from './grant-part.js';

/** g up to `settled` of D credits: ⌊M·settled/D⌋, cumulative, so that a debt settled in any parts gives back M to the last minor unit. */
export function settledMinor(money: Money, settled: Credits, size: Credits): number {
  const [product, whole] = [BigInt(money.amountMinor) * BigInt(settled), BigInt(size)];
  const towardsZero = product / whole;
  return Number(product < 0n && product % whole !== 0n ? towardsZero - 1n : towardsZero);
}

/** Debts while one decision settles several parts of them: the state itself stays as it is. */
export class OpenDebts {
  readonly #settled = new Map<string, Credits>();

  constructor(private readonly state: AccountState) {}

  /** Settles up to `credits`: first of the debts of `firstOf`, then of the oldest. Short only when nothing is owed any more. */
  settle(credits: Credits, firstOf: { grantId: string | null } | null = null): DebtSettlement[] {
    const settlements: DebtSettlement[] = [];
    let left = credits;
    const take = (debt: DebtState): void => {
      const before = debt.settled + (this.#settled.get(debt.debtId) ?? 0);
      const settled = Math.min(left, debt.credits - before);
      if (settled === 0) return;
      left -= settled;
      this.#settled.set(debt.debtId, before + settled - debt.settled);
      settlements.push(settlementOf(debt, before, settled));
    };
    if (firstOf !== null) for (const debt of this.state.debts.values()) if (debt.grantId === firstOf.grantId) take(debt);
    for (const debt of this.state.debts.values()) {
      if (left === 0) break;
      take(debt);
    }
    return settlements;
  }
}

function settlementOf({ debtId, credits, money, grantId, bucket }: DebtState, settledBefore: Credits, settled: Credits): DebtSettlement {
  const settledAfter = settledBefore + settled;
  const receivable =
    money === null
      ? null
      : {
          currency: money.currency,
          amountMinor: settledMinor(money, settledAfter, credits) - settledMinor(money, settledBefore, credits),
        };
  return { debtId, credits, money, grantId, bucket, settled, settledBefore, settledAfter, receivable };
}

export function settledCredits(settlements: readonly DebtSettlement[]): Credits {
  let credits = 0;
  for (const { settled } of settlements) credits += settled;
  return credits;
}

/** Money rule 12: purchased credits repay what is owed when they are granted, in the same append. Nothing where nothing is owed. */
export function repaymentBy(state: AccountState, granted: GrantTerms, at: InstantMs): AccountFact[] {
  if (granted.bucket !== 'purchased' || state.debt === 0) return [];
  const settlements = new OpenDebts(state).settle(granted.credits);
  const credits = settledCredits(settlements);
  const { grantId, bucket, costBasis, expiresAt } = granted;
  const before = { available: granted.credits, held: 0, gone: 0 };
  const after = moved(before, { available: -credits, held: 0, gone: credits });
  const part = { grantId, bucket, credits, size: granted.credits, costBasis, expiresAt, before, after };
  return [{ type: 'DebtRepaid', data: { decidedAt: toIso(at), cause: 'purchase', credits, part, settlements, goodwill: null } }];
}
