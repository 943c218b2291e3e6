// 2 decide · what a decision is given beside state and command: made by the module from configuration and catalogue, once per command.
import type { AccountFact, LapsedRefundPolicy, OverConsumptionPolicy, Bucket } from './account.facts.js';
import type { LedgerContext, LedgerPolicies, PlanTerms } from './account.state.js';

/** What the ledger asks of the catalogue; the Catalogue port is one. */
export interface PlanSource {
  plan(id: string): PlanTerms | null;
  /** Catches up with the log: nobody says that a plan is absent on the word of a memory that may lag. */
  refresh(): Promise<void>;
}

export type LedgerContextOf = (commandId: string) => LedgerContext;

export interface PolicyConfig {
  burnOrder: readonly Bucket[];
  lapsedRefund: LapsedRefundPolicy;
  graceDays: number;
  overConsumption: OverConsumptionPolicy;
  adjustmentLimit: number;
}

export function policiesOf({ burnOrder, lapsedRefund, graceDays, overConsumption, adjustmentLimit }: PolicyConfig): LedgerPolicies {
  return { burnOrder, lapsedRefund, graceDays, overConsumption, adjustmentLimit };
}

/** Ids of grants and debts follow from the command and count from 0 in every decision: the same command decided again makes the same ids. */
export function ledgerContexts(policies: LedgerPolicies, plans: Pick<PlanSource, 'plan'>): LedgerContextOf {
  const planTerms = (id: string): PlanTerms | null => plans.plan(id);
  return (commandId) => {
    let grants = 0;
    let debts = 0;
    return {
      policies,
      planTerms,
      nextGrantId: () => `grant_${commandId}${numbered(grants++)}`,
      nextDebtId: () => `debt_${commandId}${numbered(debts++)}`,
    };
  };
}

function numbered(index: number): string {
  return index.toString(16).padStart(2, '0');
}

/** The grant that a command asked for, among the facts of its append: what was due comes before it. */
export function requestedGrantId(facts: readonly AccountFact[]): string | null {
  const fact = facts.findLast((candidate) => candidate.type === 'CreditsGranted' && candidate.data.cause === 'api');
  return fact?.type === 'CreditsGranted' ? fact.data.grantId : null;
}
