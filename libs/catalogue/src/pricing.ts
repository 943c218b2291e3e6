// 2 decide · what one generation costs, exactly: credits = ⌈(base + max(0, seconds − included) × perSecond) × resolution × outputType⌉; called by quotes and submissions.
import {
  addDecimals,
  ceilDecimal,
  compareDecimals,
  CREDITS_MAX,
  decimal,
  decimalOf,
  isRefusal,
  multiplyDecimals,
  parseDecimal,
  refuse,
  subtractDecimals,
} from '#libs/kernel';
import type { Credits, Decimal, InstantMs, JsonObject, JsonValue, Refusal } from '#libs/kernel';
import type { Modifiers } from './catalogue.facts.js';
import type { CatalogueModel, Priced, PriceVersion } from './catalogue.port.js';
import { pointer, refuseFields, type FieldError } from './field-errors.js';
import { DURATION_SECONDS_MAX } from './modifiers.js';
import { exactNumber } from './numbers.js';
import { parameterErrors, toStoredParameters, type ProviderRules } from './parameters.js';

/** Of those in effect at the instant the one that took effect last, and of equals the one decided last; null when none is yet. */
export function priceInEffect(prices: readonly PriceVersion[], at: InstantMs): PriceVersion | null {
  let found: PriceVersion | null = null;
  for (const price of prices) {
    if (price.effectiveAt <= at && (found === null || price.effectiveAt >= found.effectiveAt)) found = price;
  }
  return found;
}

/** Prices a request for a model at an instant; the version in effect then is what the task will be charged, whatever comes after. */
export function priceRequest(
  model: CatalogueModel | null,
  modelId: string,
  parameters: JsonObject | undefined,
  at: InstantMs,
  provider: ProviderRules | null,
): Priced | Refusal<'unknown_model' | 'validation_failed'> {
  if (model === null) return refuse('unknown_model', `there is no model ${modelId}`);
  if (model.retiredAt !== null) return refuse('unknown_model', `model ${modelId} is retired`);
  const price = priceInEffect(model.prices, at);
  if (price === null) return refuse('unknown_model', `model ${modelId} has no price in effect`);
  const priced = { model, priceVersion: price.priceVersion };
  if (parameters === undefined) return withCredits(creditsOf(model, price, {}), (credits) => ({ ...priced, credits, parameters: {} }));
  const stored = toStoredParameters(parameters);
  const errors = [...parameterErrors(parameters, provider, model.provider), ...stored.errors];
  const credits = creditsOf(model, price, parameters);
  if (isRefusal(credits)) errors.push(...(credits.fields?.['errors'] as unknown as FieldError[]));
  if (errors.length > 0) return refuseFields(firstPerPointer(errors));
  return withCredits(credits, (value) => ({ ...priced, credits: value, parameters: stored.parameters }));
}

/** The price of one generation under one price version; refuses what the version does not declare. */
export function creditsOf(
  model: Pick<CatalogueModel, 'durationSeconds' | 'outputType'>,
  price: Pick<PriceVersion, 'credits' | 'modifiers'>,
  parameters: JsonObject,
): Credits | Refusal<'validation_failed'> {
  const modifiers = price.modifiers ?? {};
  const errors: FieldError[] = [];
  const extra = extraSeconds(model, modifiers, parameters['durationSeconds'], errors);
  const resolution = factorOf(modifiers.resolution, parameters['resolution'], null, 'resolution', errors);
  const outputType = factorOf(modifiers.outputType, parameters['outputType'], model.outputType, 'outputType', errors);
  if (errors.length > 0) return refuseFields(errors);
  // Most models have no modifiers: their price needs no exact arithmetic.
  if (extra === null && resolution === null && outputType === null) return price.credits;
  const perSecond = decimalOf(modifiers.perSecond?.creditsPerSecond ?? 0) as Decimal;
  const base = extra === null ? decimal(price.credits) : addDecimals(decimal(price.credits), multiplyDecimals(extra, perSecond));
  const credits = ceilDecimal(multiplyDecimals(multiplyDecimals(base, resolution ?? ONE), outputType ?? ONE));
  if (credits <= BigInt(CREDITS_MAX)) return Number(credits);
  return refuseFields([{ pointer: '/parameters', detail: `come to more than ${CREDITS_MAX} credits` }]);
}

const ONE = decimal(1);

/** Seconds beyond the included ones; null where the price does not depend on them. */
function extraSeconds(
  model: Pick<CatalogueModel, 'durationSeconds'>,
  modifiers: Modifiers,
  requested: JsonValue | undefined,
  errors: FieldError[],
): Decimal | null {
  const at = '/parameters/durationSeconds';
  const seconds = requested === undefined ? null : exactNumber(requested);
  if (requested !== undefined) {
    if (seconds === null || seconds.digits === 0n || compareDecimals(seconds, decimal(DURATION_SECONDS_MAX)) > 0) {
      errors.push({ pointer: at, detail: `must be a number above 0 and at most ${DURATION_SECONDS_MAX}, with at most 20 decimals` });
      return null;
    }
    const { maxDurationSeconds } = modifiers;
    if (maxDurationSeconds !== undefined && compareDecimals(seconds, decimalOf(maxDurationSeconds) as Decimal) > 0) {
      errors.push({ pointer: at, detail: `must be at most ${maxDurationSeconds}` });
      return null;
    }
    if (modifiers.perSecond === undefined && requested !== model.durationSeconds) {
      const only = model.durationSeconds === null ? 'this model takes none' : `this model makes ${model.durationSeconds} seconds`;
      errors.push({ pointer: at, detail: `must be left out: ${only}` });
      return null;
    }
  }
  if (modifiers.perSecond === undefined) return null;
  const all = seconds ?? (model.durationSeconds === null ? null : decimalOf(model.durationSeconds));
  return all === null ? null : subtractDecimals(all, decimalOf(modifiers.perSecond.includedSeconds) as Decimal);
}

/** The declared factor; 1 (null) where nothing was asked for, or what the model makes anyway. */
function factorOf(
  factors: Record<string, string> | undefined,
  requested: JsonValue | undefined,
  own: string | null,
  name: 'resolution' | 'outputType',
  errors: FieldError[],
): Decimal | null {
  const wanted = requested === undefined && own !== null && factors !== undefined ? own : requested;
  if (wanted === undefined) return null;
  if (typeof wanted === 'string' && factors !== undefined && Object.hasOwn(factors, wanted)) return parseDecimal(factors[wanted] as string);
  if (own !== null && wanted === own) return null;
  const declared = [...new Set([...(own === null ? [] : [own]), ...Object.keys(factors ?? {})])];
  const detail = declared.length === 0 ? `must be left out: this model declares no ${name}` : `must be one of ${declared.join(', ')}`;
  errors.push({ pointer: pointer('parameters', name), detail });
  return null;
}

function withCredits<Result>(
  credits: Credits | Refusal<'validation_failed'>,
  result: (credits: Credits) => Result,
): Result | Refusal<'validation_failed'> {
  return isRefusal(credits) ? credits : result(credits);
}

function firstPerPointer(errors: readonly FieldError[]): FieldError[] {
  return [...new Map([...errors].reverse().map((error) => [error.pointer, error])).values()].reverse();
}
