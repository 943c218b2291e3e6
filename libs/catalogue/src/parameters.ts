// 2 decide · which parameters a generation takes, and the form in which facts keep them; called by pricing.
import { decimalOf, formatDecimal, type JsonObject, type JsonValue } from '#libs/kernel';
import { pointer, type FieldError } from './field-errors.js';

export const DEADLINE_MS_MIN = 100;
export const DEADLINE_MS_MAX = 86_400_000;
export const DEADLINE_MS_DEFAULT = 600_000;

/** What every model takes, whatever its provider; the first three also decide the price. */
export const COMMON_PARAMETERS = ['durationSeconds', 'resolution', 'outputType', 'seed', 'deadlineMs'] as const;

/** The part of a provider that the catalogue asks; #libs/providers' Provider is one. */
export interface ProviderRules {
  readonly capabilities: { readonly parameters: readonly string[] };
  validate(parameters: JsonObject): FieldError[];
}

/** Field errors of all parameters but those that the price decides over. */
export function parameterErrors(parameters: JsonObject, provider: ProviderRules | null, providerId: string): FieldError[] {
  const errors: FieldError[] = [];
  const declared = provider?.capabilities.parameters ?? [];
  for (const name of Object.keys(parameters)) {
    if (parameters[name] === undefined) continue;
    if (!(COMMON_PARAMETERS as readonly string[]).includes(name) && !declared.includes(name)) {
      errors.push({ pointer: pointer('parameters', name), detail: `is no parameter of this model on provider ${providerId}` });
    }
  }
  const { seed, deadlineMs } = parameters;
  if (seed !== undefined && !(Number.isSafeInteger(seed) && (seed as number) >= 0)) {
    errors.push({ pointer: '/parameters/seed', detail: 'must be a whole number from 0 to 9007199254740991' });
  }
  if (deadlineMs !== undefined && !isDeadline(deadlineMs)) {
    errors.push({ pointer: '/parameters/deadlineMs', detail: `must be a whole number from ${DEADLINE_MS_MIN} to ${DEADLINE_MS_MAX}` });
  }
  return provider === null ? errors : [...errors, ...provider.validate(parameters)];
}

/** How long after its submission a task times out. */
export function deadlineMsOf(parameters: JsonObject): number {
  return isDeadline(parameters['deadlineMs']) ? parameters['deadlineMs'] : DEADLINE_MS_DEFAULT;
}

function isDeadline(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= DEADLINE_MS_MIN && value <= DEADLINE_MS_MAX;
}

/**
 * Parameters as facts keep them: every fraction as the decimal string of its shortest form, at any depth. Numbers that cannot be kept
 * exactly are field errors.
 */
export function toStoredParameters(parameters: JsonObject): { parameters: JsonObject; errors: FieldError[] } {
  if (isStorable(parameters)) return { parameters, errors: [] };
  const errors: FieldError[] = [];
  return { parameters: storedObject(parameters, ['parameters'], errors), errors };
}

/** Most parameters have no fraction at any depth, and are kept as they came. */
function isStorable(value: JsonValue | undefined): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return value !== undefined;
  if (Array.isArray(value)) return value.every(isStorable);
  for (const name of Object.keys(value)) if (!isStorable(value[name])) return false;
  return true;
}

function storedObject(value: JsonObject, path: string[], errors: FieldError[]): JsonObject {
  const entries = Object.entries(value).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([name, member]) => [name, storedValue(member, [...path, name], errors)]));
}

function storedValue(value: JsonValue, path: string[], errors: FieldError[]): JsonValue {
  if (typeof value === 'number') return storedNumber(value, path, errors);
  if (Array.isArray(value)) return value.map((item, index) => storedValue(item, [...path, String(index)], errors));
  return typeof value === 'object' && value !== null ? storedObject(value, path, errors) : value;
}

function storedNumber(value: number, path: string[], errors: FieldError[]): JsonValue {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  const exact = decimalOf(Math.abs(value));
  if (exact !== null) return `${value < 0 ? '-' : ''}${formatDecimal(exact)}`;
  errors.push({ pointer: pointer(...path), detail: 'must be a number with at most 15 digits before the point and 20 after it' });
  return 0;
}
