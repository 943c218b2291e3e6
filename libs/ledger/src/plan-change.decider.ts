// 2 decide · opening on a plan and changing it: up now, down at the next reset. Called by the account's decider.
import { toIso, type InstantMs, type Refusal } from '#libs/kernel';
import type { AccountCommand, AccountRefusalCode } from './account.commands.js';
import type { AccountFact } from './account.facts.js';
import type { AccountState, LedgerContext, PlanTerms } from './account.state.js';
import { boundaryAt, cycleReference, isTimezone, nextBoundary, prorated } from './cycle.js';
import { termsOfAccountPlan } from './plan-terms.js';
import { invalid } from './refusals.js';

/** `^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`, unique per tenant because it names the stream. */
export const ACCOUNT_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const ANCHOR_DISTANCE_MAX_MS = 100 * 365.25 * 86_400_000;

type OpenAccount = Extract<AccountCommand, { type: 'OpenAccount' }>;
type ChangePlan = Extract<AccountCommand, { type: 'ChangePlan' }>;

export function decideOpen(command: OpenAccount, at: InstantMs, context: LedgerContext): AccountFact[] | Refusal<AccountRefusalCode> {
  const { accountId, name, timezone } = command;
  if (!ACCOUNT_ID_PATTERN.test(accountId))
    return invalid('/id', 'Must be 1 to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit.');
  if (!isTimezone(timezone)) return invalid('/timezone', `"${timezone}" is no time zone of the IANA database.`);
  const plan = context.planTerms(command.plan);
  if (plan === null) return unknownPlan(command.plan);
  const anchor = command.billingAnchor ?? at;
  if (Math.abs(anchor - at) > ANCHOR_DISTANCE_MAX_MS) return invalid('/billingAnchor', 'Must be within 100 years of now.');
  const next = nextBoundary(anchor, timezone, at);
  const decidedAt = toIso(at);
  const nextResetAt = toIso(next.at);
  const opened: AccountFact = {
    type: 'AccountOpened',
    data: {
      decidedAt,
      accountId,
      name,
      plan: plan.id,
      planVersion: plan.version,
      timezone,
      billingAnchor: toIso(anchor),
      nextResetAt,
      nextCycle: next.n,
    },
  };
  if (plan.monthlyAllowance === 0) return [opened];
  const reference = cycleReference(at, timezone);
  const terms = {
    grantId: context.nextGrantId(),
    bucket: 'subscription' as const,
    credits: plan.monthlyAllowance,
    expiresAt: nextResetAt,
    reference,
    costBasis: null,
    reissuedFrom: null,
  };
  return [opened, { type: 'CreditsGranted', data: { decidedAt, ...terms, cause: 'allowance' } }];
}

/** Money rule 10. The present plan again cancels a pending downgrade and grants nothing. */
export function decidePlanChange(
  state: AccountState,
  command: ChangePlan,
  at: InstantMs,
  context: LedgerContext,
): AccountFact[] | Refusal<AccountRefusalCode> | 'unchanged' {
  const to = context.planTerms(command.plan);
  if (to === null) return unknownPlan(command.plan);
  const from = termsOfAccountPlan(context, state.plan, state.accountId);
  const base = { decidedAt: toIso(at), from: from.id, to: to.id, planVersion: to.version };
  if (to.id === state.plan) {
    return state.pendingPlan === null
      ? 'unchanged'
      : [{ type: 'PlanChanged', data: { ...base, effective: 'pending_cancelled', upgradeCredit: null } }];
  }
  if (!isUpgrade(from, to)) {
    return state.pendingPlan === to.id
      ? 'unchanged'
      : [{ type: 'PlanChanged', data: { ...base, effective: 'next_reset', upgradeCredit: null } }];
  }
  const changed: AccountFact = { type: 'PlanChanged', data: { ...base, effective: 'now', upgradeCredit: to.upgradeCredit } };
  const difference = to.monthlyAllowance - from.monthlyAllowance;
  if (difference <= 0) return [changed];
  const cycleStart = boundaryAt(state.billingAnchor, state.timezone, state.nextCycle - 1);
  const credits = to.upgradeCredit === 'full' ? difference : prorated(difference, at, cycleStart, state.nextResetAt);
  const terms = {
    grantId: context.nextGrantId(),
    bucket: 'subscription' as const,
    credits,
    expiresAt: toIso(state.nextResetAt),
    reference: `upgrade ${from.id} to ${to.id}`,
    costBasis: null,
    reissuedFrom: null,
  };
  return [changed, { type: 'CreditsGranted', data: { decidedAt: base.decidedAt, ...terms, cause: 'upgrade' } }];
}

/** Between plans of one rank, the one that gives no less counts as the higher. */
function isUpgrade(from: PlanTerms, to: PlanTerms): boolean {
  return to.rank > from.rank || (to.rank === from.rank && to.monthlyAllowance >= from.monthlyAllowance);
}

function unknownPlan(plan: string): Refusal<AccountRefusalCode> {
  return invalid('/plan', `There is no plan "${plan}".`);
}
