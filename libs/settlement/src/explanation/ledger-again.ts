// 2 decide · which command an account's facts about a task came from, and by which rule: what is decided again on the account as it was. Pure.
import type { StoredFact } from '#libs/event-store';
import type { AccountCommand, AccountFact, LapsedRefundPolicy, LedgerPolicies, ProviderCost, ReservationTerms } from '#libs/ledger';
import type { TaskState } from '#libs/tasks';
import { goodwillCommand } from '../goodwill.js';
import type { Rule } from './rules.js';
import type { Again } from './task-again.js';

type Consumed = Extract<AccountFact, { type: 'CreditsConsumed' }>;
type Refunded = Extract<AccountFact, { type: 'CreditsRefunded' }>;

/**
 * `facts` are all of one command on the account; `earlier` the account's facts of the task before it. Null where the command did not set
 * out to do something about the task.
 */
export function ledgerCommandOf(
  facts: readonly AccountFact[],
  task: Pick<TaskState, 'taskId' | 'model'>,
  earlier: readonly StoredFact[],
): Again<AccountCommand> | null {
  const goodwill = goodwillOf(facts, task, earlier);
  if (goodwill !== null) return goodwill;
  const reserved = facts.find((fact) => fact.type === 'CreditsReserved');
  const consumed = facts.find((fact): fact is Consumed => fact.type === 'CreditsConsumed' && fact.data.taskId === task.taskId);
  if (consumed !== undefined) {
    const { reservationId, deliveredFraction, providerCost, overConsumption } = consumed.data;
    const ending = { deliveredFraction, providerCost: costsOf(providerCost), overConsumption: overConsumption ?? undefined };
    if (reserved?.type !== 'CreditsReserved')
      return { command: { type: 'Consume', reservationId, ...ending }, rule: consumptionRule(consumed, facts) };
    const terms = reserved.data.reservations[0] as ReservationTerms;
    return { command: { type: 'TakeLateResult', request: requestOf(terms), ...ending }, rule: 'late-result.taken' };
  }
  const refunded = facts.find((fact): fact is Refunded => fact.type === 'CreditsRefunded' && fact.data.taskId === task.taskId);
  if (refunded !== undefined) {
    const { reservationId, reason, providerCost } = refunded.data;
    return {
      command: { type: 'Refund', reservationId, reason, providerCost: costsOf(providerCost) },
      rule: refundRule(refunded),
    };
  }
  const booked = facts.find((fact) => fact.type === 'ProviderCostBooked' && fact.data.taskId === task.taskId);
  if (booked?.type !== 'ProviderCostBooked') return null;
  const [cost] = costsOf([booked.data.providerCost]);
  return cost === undefined
    ? null
    : { command: { type: 'BookProviderCost', taskId: task.taskId, providerCost: cost }, rule: 'cost.absorbed' };
}

/** Goodwill can come to a refund, a lower debt and a new grant in one append. */
function goodwillOf(
  facts: readonly AccountFact[],
  task: Pick<TaskState, 'taskId' | 'model'>,
  earlier: readonly StoredFact[],
): Again<AccountCommand> | null {
  let credits = 0;
  let reason: string | null = null;
  let lowersDebt = false;
  for (const fact of facts) {
    if (fact.type === 'CreditsRefunded' && fact.data.kind === 'goodwill') {
      credits += fact.data.credits;
      reason = fact.data.reason;
    } else if (fact.type === 'DebtRepaid' && fact.data.goodwill !== null) {
      credits += fact.data.credits;
      reason = fact.data.goodwill.reason;
      lowersDebt = true;
    } else if (fact.type === 'CreditsGranted' && fact.data.goodwill !== undefined) {
      credits += fact.data.credits;
      reason = fact.data.goodwill.reason;
      lowersDebt = true;
    }
  }
  const command = reason === null ? null : goodwillCommand(task, { credits, reason }, earlier);
  return command === null ? null : { command, rule: lowersDebt ? 'refund.goodwill-lowers-debt' : 'refund.goodwill' };
}

function consumptionRule({ data }: Consumed, facts: readonly AccountFact[]): Rule {
  const lapsed = lapsedRule(data.policy);
  if (lapsed !== null) return lapsed;
  if (data.overConsumption !== null) return facts.some(isOverConsumption) ? 'consumption.as-debt' : 'consumption.capped';
  return data.consumed === data.held ? 'consumption.in-full' : 'consumption.in-part';
}

function isOverConsumption(fact: AccountFact): boolean {
  return fact.type === 'DebtRecorded' && fact.data.cause === 'over_consumption';
}

function refundRule({ data }: Refunded): Rule {
  const lapsed = lapsedRule(data.policy);
  if (lapsed !== null) return lapsed;
  if (data.reason === 'timed_out') return 'refund.timed-out';
  return data.reason === 'cancelled' ? 'refund.cancelled' : 'refund.failed';
}

function lapsedRule(policy: { lapsedRefund: LapsedRefundPolicy } | null): Rule | null {
  if (policy === null) return null;
  return policy.lapsedRefund === 'grace' ? 'refund.lapsed-grace' : 'refund.lapsed-expire';
}

function costsOf(costs: readonly ProviderCost[]): Array<Omit<ProviderCost, 'absorbed'>> {
  return costs.map(({ absorbed: _absorbed, ...cost }) => cost);
}

/** As a late result is taken: at the quoted price, whatever the plan. */
function requestOf({ reservationId, taskId, model, priceVersion, credits }: ReservationTerms) {
  return { reservationId, taskId, model, priceVersion, credits, minimumPlan: '', minimumPlanRank: -Infinity, quote: null };
}

/** The policies that applied stand in the facts; where none did, today's decide nothing. */
export function policiesThen(facts: readonly AccountFact[], policies: LedgerPolicies): LedgerPolicies {
  let then = policies;
  for (const fact of facts) {
    if (fact.type === 'CreditsReserved') then = { ...then, burnOrder: fact.data.burnOrder };
    if (fact.type !== 'CreditsConsumed' && fact.type !== 'CreditsRefunded') continue;
    if (fact.data.policy !== null) then = { ...then, ...fact.data.policy };
    if (fact.type === 'CreditsConsumed' && fact.data.overConsumption !== null)
      then = { ...then, overConsumption: fact.data.overConsumption };
  }
  return then;
}

/** The plans that a decision can have asked for, beside the account's own. */
export function plansIn(facts: readonly AccountFact[]): string[] {
  return facts.flatMap((fact) => (fact.type === 'CycleReset' ? [fact.data.plan] : []));
}
