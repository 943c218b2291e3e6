// 2 decide · the terms of the plan that an account is on: it was defined before the account could be put on it, so a process that lacks them lags.
import { InvariantBroken } from '#libs/kernel';
import type { LedgerContext, PlanTerms } from './account.state.js';

/** Nothing was decided; after the catalogue has caught up with the log the same command is. */
export class UnknownPlanTerms extends InvariantBroken {}

export function termsOfAccountPlan(context: LedgerContext, plan: string, accountId: string): PlanTerms {
  const terms = context.planTerms(plan);
  if (terms === null) throw new UnknownPlanTerms(`plan ${plan} of account ${accountId} is not defined`);
  return terms;
}
