// 2 decide · how a plan is defined, and what its facts add up to; called by the plan handler and the catalogue's memory.
import { toIso, UNCHANGED, type Decision, type InstantMs } from '#libs/kernel';
import type { PlanFact } from './catalogue.facts.js';
import type { PlanInput } from './catalogue.messages.js';
import type { CataloguePlan } from './catalogue.port.js';
import { refuseFields, type FieldError } from './field-errors.js';
import { CATALOGUE_ID_PATTERN, creditsErrors, NAME_CHARACTERS_MAX, textErrors, type FactPlace } from './model.decider.js';

export const RANK_MAX = 1_000_000;
export const WEIGHT_MAX = 100;

/** The same content again is unchanged; another makes the plan's next version. */
export function decidePlan(
  plan: CataloguePlan | null,
  planId: string,
  input: PlanInput,
  at: InstantMs,
): Decision<PlanFact, 'validation_failed'> {
  const errors = planErrors(planId, input);
  if (errors.length > 0) return refuseFields(errors);
  const { name, rank, monthlyAllowance, upgradeCredit = 'full', weight = 1 } = input;
  const isSame =
    plan !== null &&
    plan.name === name &&
    plan.rank === rank &&
    plan.monthlyAllowance === monthlyAllowance &&
    plan.upgradeCredit === upgradeCredit &&
    plan.weight === weight;
  if (isSame) return UNCHANGED;
  const version = (plan?.version ?? 0) + 1;
  return [{ type: 'PlanDefined', data: { planId, version, name, rank, monthlyAllowance, upgradeCredit, weight, decidedAt: toIso(at) } }];
}

function planErrors(planId: string, input: PlanInput): FieldError[] {
  const errors: FieldError[] = [];
  const { name, rank, monthlyAllowance, upgradeCredit = 'full', weight = 1 } = input;
  if (!CATALOGUE_ID_PATTERN.test(planId)) errors.push({ pointer: '/id', detail: `of a plan must match ${CATALOGUE_ID_PATTERN.source}` });
  errors.push(...textErrors(name, '/name', NAME_CHARACTERS_MAX));
  if (!isWhole(rank, 0, RANK_MAX)) errors.push({ pointer: '/rank', detail: `must be a whole number from 0 to ${RANK_MAX}` });
  errors.push(...creditsErrors(monthlyAllowance, '/monthlyAllowance'));
  if (!['full', 'prorated'].includes(upgradeCredit)) errors.push({ pointer: '/upgradeCredit', detail: 'must be full or prorated' });
  if (!isWhole(weight, 1, WEIGHT_MAX)) errors.push({ pointer: '/weight', detail: `must be a whole number from 1 to ${WEIGHT_MAX}` });
  return errors;
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

export function evolvePlan(fact: PlanFact, place: FactPlace): CataloguePlan {
  const { planId, version, name, rank, monthlyAllowance, upgradeCredit, weight } = fact.data;
  return { id: planId, version, name, rank, monthlyAllowance, upgradeCredit, weight, revision: place.revision, position: place.position };
}
