// 5 react · decides whether `parameters.simulate` is well formed and what it asks for; called at submission (validate) and at submit.
import currencies from 'currency-codes';
import { parseFraction, formatDecimal, shortestDecimal, type JsonObject, type JsonValue, type Money } from '#libs/kernel';

export const SIMULATED_OUTCOMES = ['succeed', 'fail', 'hang', 'reject', 'lost_submit', 'late'] as const;
export type SimulatedOutcome = (typeof SIMULATED_OUTCOMES)[number];

export const AFTER_MS_DEFAULT = 200;
/** A day: the longest deadline that a task may have. */
export const AFTER_MS_MAX = 86_400_000;
export const COST_MINOR_MAX = 1_000_000_000_000;

export interface Simulation {
  outcome: SimulatedOutcome;
  afterMs: number;
  /** The shortest decimal form. */
  deliveredFraction: string;
  cost: Money | null;
}

export interface FieldError {
  pointer: string;
  detail: string;
}

const POINTER = '/parameters/simulate';

/** Every field of `parameters.simulate` that is wrong; none where it is absent. */
export function simulationErrors(parameters: JsonObject): FieldError[] {
  const simulate = parameters['simulate'];
  if (simulate === undefined) return [];
  if (!isObject(simulate)) return [{ pointer: POINTER, detail: 'must be an object' }];
  const errors = unknownFields(simulate, ['outcome', 'afterMs', 'deliveredFraction', 'cost'], POINTER);
  const { outcome, afterMs, deliveredFraction, cost } = simulate;
  if (outcome !== undefined && !SIMULATED_OUTCOMES.some((known) => known === outcome))
    errors.push({ pointer: `${POINTER}/outcome`, detail: `must be one of ${SIMULATED_OUTCOMES.join(', ')}` });
  if (afterMs !== undefined && !isWhole(afterMs, AFTER_MS_MAX))
    errors.push({ pointer: `${POINTER}/afterMs`, detail: `must be a whole number from 0 to ${AFTER_MS_MAX}` });
  if (deliveredFraction !== undefined && (typeof deliveredFraction !== 'number' || fractionOf(deliveredFraction) === null))
    errors.push({ pointer: `${POINTER}/deliveredFraction`, detail: 'must be a number from 0 to 1 with at most 6 decimals' });
  if (cost !== undefined) errors.push(...costErrors(cost));
  return errors;
}

/** What a job is to do. The parameters were validated when the task was submitted; what is absent takes its default. */
export function simulationOf(parameters: JsonObject): Simulation {
  const simulate = isObject(parameters['simulate']) ? parameters['simulate'] : {};
  const { outcome, afterMs, deliveredFraction, cost } = simulate;
  return {
    outcome: SIMULATED_OUTCOMES.find((known) => known === outcome) ?? 'succeed',
    afterMs: typeof afterMs === 'number' ? afterMs : AFTER_MS_DEFAULT,
    deliveredFraction: fractionOf(deliveredFraction) ?? '1',
    cost: isObject(cost) ? moneyOf(cost) : null,
  };
}

/** A request names it as a number, a fact as the decimal string of its shortest form; null where it is neither. */
function fractionOf(value: JsonValue | undefined): string | null {
  const text = typeof value === 'number' ? shortestDecimal(value) : typeof value === 'string' ? value : null;
  const fraction = text === null ? null : parseFraction(text);
  if (fraction === null) return null;
  return formatDecimal(fraction);
}

function moneyOf({ currency, amountMinor }: JsonObject): Money | null {
  return typeof currency === 'string' && typeof amountMinor === 'number' ? { currency, amountMinor } : null;
}

function costErrors(cost: JsonValue): FieldError[] {
  const pointer = `${POINTER}/cost`;
  if (!isObject(cost)) return [{ pointer, detail: 'must be an object' }];
  const errors = unknownFields(cost, ['currency', 'amountMinor'], pointer);
  const { currency, amountMinor } = cost;
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency) || currencies.code(currency) === undefined)
    errors.push({ pointer: `${pointer}/currency`, detail: 'must be an ISO 4217 currency code' });
  if (!isWhole(amountMinor, COST_MINOR_MAX))
    errors.push({ pointer: `${pointer}/amountMinor`, detail: `must be a whole number from 0 to ${COST_MINOR_MAX}` });
  return errors;
}

function unknownFields(object: JsonObject, known: readonly string[], pointer: string): FieldError[] {
  return Object.keys(object)
    .filter((name) => !known.includes(name))
    .map((name) => ({ pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, detail: 'is not a known field' }));
}

function isWhole(value: JsonValue | undefined, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
