// 4 project · what a fact of the ledger says that one task's generation cost: the journal's own postings, so that both say the same; called by project.ts.
import { type JournalFact, postingsOf } from '#libs/finance';
import type { StoredFact } from '#libs/event-store';
import type { GrantPart } from '#libs/ledger';

/** Signed, to be added. Money by currency, in minor units. */
export interface TaskCosts {
  credits: number;
  unpriced: number;
  ledger: Array<[currency: string, amountMinor: number]>;
  provider: Array<[currency: string, amountMinor: number]>;
}

/** The task whose costs the fact changes; null for nearly all facts. */
export function costedTask(stored: StoredFact): string | null {
  const fact = stored as unknown as JournalFact;
  switch (fact.type) {
    case 'CreditsConsumed':
    case 'ProviderCostBooked':
    case 'BillLineBooked':
      return fact.data.taskId;
    case 'CreditsRefunded':
      // A hold's way back was never consumed; what its attempts cost us is said with it.
      return fact.data.kind === 'goodwill' || fact.data.providerCost.length > 0 ? fact.data.taskId : null;
    case 'DebtRecorded':
      return fact.data.cause === 'over_consumption' ? fact.data.taskId : null;
    case 'DebtRepaid':
      return fact.data.goodwill?.taskId ?? null;
    default:
      return null;
  }
}

/** Of a fact that {@link costedTask} names a task of. */
export function costsOf(stored: StoredFact): TaskCosts {
  const fact = stored as unknown as JournalFact;
  const costs: TaskCosts = { credits: 0, unpriced: unpricedOf(fact), ledger: [], provider: [] };
  // Whose account it is changes the names of the customer's own accounts only.
  for (const { account, commodity, amount } of postingsOf(fact, '')) {
    if (account.startsWith('consumed:')) costs.credits += amount;
    else if (account.startsWith('revenue:usage:')) costs.ledger.push([commodity, -amount]);
    else if (account.startsWith('expenses:')) costs.provider.push([commodity, amount]);
  }
  return costs;
}

/** Of the credits that it posts on what was consumed, those that nobody paid for. */
function unpricedOf(fact: JournalFact): number {
  switch (fact.type) {
    case 'CreditsConsumed':
      return sumOf(fact.data.parts);
    case 'CreditsRefunded':
      return fact.data.kind === 'goodwill' ? -(sumOf(fact.data.returned) + sumOf(fact.data.reissued.map(({ from }) => from))) : 0;
    case 'DebtRecorded':
      return fact.data.money === null ? fact.data.credits : 0;
    case 'DebtRepaid':
      return -fact.data.settlements.reduce((sum, { money, settled }) => (money === null ? sum + settled : sum), 0);
    default:
      return 0;
  }
}

function sumOf(parts: readonly GrantPart[]): number {
  return parts.reduce((sum, { costBasis, credits }) => (costBasis === null ? sum + credits : sum), 0);
}
