// 2 decide · which modifiers a price may have, and the form in which facts keep them; called by the model decider.
import { compareDecimals, CREDITS_MAX, decimal, parseDecimal } from '#libs/kernel';
import { OUTPUT_TYPES, type Modifiers, type StoredModifiers } from './catalogue.facts.js';
import { pointer, type FieldError } from './field-errors.js';
import { exactNumber, fromStoredNumber, toStoredNumber } from './numbers.js';

/** A day: no generation is longer, and no price needs more. */
export const DURATION_SECONDS_MAX = 86_400;
const FACTOR_MAX = 1_000_000;
const FACTORS_MAX = 32;
const RESOLUTION_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const MEMBERS = ['perSecond', 'resolution', 'outputType', 'maxDurationSeconds'];
const PER_SECOND_MEMBERS = ['includedSeconds', 'creditsPerSecond'];

/** Field errors of a request's `modifiers`; none means that {@link toStoredModifiers} can keep them exactly. */
export function modifierErrors(modifiers: Modifiers): FieldError[] {
  const errors: FieldError[] = unknownMembers(modifiers, MEMBERS, ['modifiers']);
  if (modifiers.perSecond !== undefined) {
    if (!isRecord(modifiers.perSecond)) errors.push({ pointer: pointer('modifiers', 'perSecond'), detail: 'must be an object' });
    else {
      errors.push(...unknownMembers(modifiers.perSecond, PER_SECOND_MEMBERS, ['modifiers', 'perSecond']));
      requireNumber(errors, modifiers.perSecond.includedSeconds, DURATION_SECONDS_MAX, ['modifiers', 'perSecond', 'includedSeconds']);
      requireNumber(errors, modifiers.perSecond.creditsPerSecond, CREDITS_MAX, ['modifiers', 'perSecond', 'creditsPerSecond']);
    }
  }
  if (modifiers.resolution !== undefined) {
    factorErrors(errors, modifiers.resolution, 'resolution', (name) => RESOLUTION_PATTERN.test(name), 'is no name of a resolution');
  }
  if (modifiers.outputType !== undefined) {
    const isOutputType = (name: string): boolean => (OUTPUT_TYPES as readonly string[]).includes(name);
    factorErrors(errors, modifiers.outputType, 'outputType', isOutputType, `is none of ${OUTPUT_TYPES.join(', ')}`);
  }
  if (modifiers.maxDurationSeconds !== undefined) {
    requireNumber(errors, modifiers.maxDurationSeconds, DURATION_SECONDS_MAX, ['modifiers', 'maxDurationSeconds']);
    if (modifiers.maxDurationSeconds === 0)
      errors.push({ pointer: pointer('modifiers', 'maxDurationSeconds'), detail: 'must be more than 0' });
  }
  return errors;
}

export function toStoredModifiers(modifiers: Modifiers | null): StoredModifiers | null {
  if (modifiers === null) return null;
  const { perSecond, resolution, outputType, maxDurationSeconds } = modifiers;
  return {
    ...(perSecond && {
      perSecond: { includedSeconds: kept(perSecond.includedSeconds), creditsPerSecond: kept(perSecond.creditsPerSecond) },
    }),
    ...(resolution && { resolution: { ...resolution } }),
    ...(outputType && { outputType: { ...outputType } }),
    ...(maxDurationSeconds !== undefined && { maxDurationSeconds: kept(maxDurationSeconds) }),
  };
}

export function fromStoredModifiers(stored: StoredModifiers | null): Modifiers | null {
  if (stored === null) return null;
  const { perSecond, maxDurationSeconds, ...factors } = stored;
  return {
    ...(perSecond && {
      perSecond: {
        includedSeconds: fromStoredNumber(perSecond.includedSeconds),
        creditsPerSecond: fromStoredNumber(perSecond.creditsPerSecond),
      },
    }),
    ...factors,
    ...(maxDurationSeconds !== undefined && { maxDurationSeconds: fromStoredNumber(maxDurationSeconds) }),
  };
}

function factorErrors(errors: FieldError[], factors: unknown, member: string, isName: (name: string) => boolean, wrongName: string): void {
  if (!isRecord(factors)) {
    errors.push({ pointer: pointer('modifiers', member), detail: 'must be an object of factors' });
    return;
  }
  const entries = Object.entries(factors);
  if (entries.length > FACTORS_MAX) errors.push({ pointer: pointer('modifiers', member), detail: `has more than ${FACTORS_MAX} factors` });
  for (const [name, factor] of entries.slice(0, FACTORS_MAX)) {
    if (!isName(name)) errors.push({ pointer: pointer('modifiers', member, name), detail: wrongName });
    const exact = typeof factor === 'string' ? parseDecimal(factor) : null;
    // A factor of 0 would make everything free by a slip of the pen: a price of 0 is said by `credits`.
    if (exact === null || exact.digits === 0n || compareDecimals(exact, decimal(FACTOR_MAX)) > 0) {
      const detail = `must be a decimal string above 0 and at most ${FACTOR_MAX}, with at most 20 decimals`;
      errors.push({ pointer: pointer('modifiers', member, name), detail });
    }
  }
}

function requireNumber(errors: FieldError[], value: unknown, max: number, path: string[]): void {
  const exact = exactNumber(value);
  if (exact === null || compareDecimals(exact, decimal(max)) > 0) {
    errors.push({ pointer: pointer(...path), detail: `must be a number from 0 to ${max} with at most 20 decimals` });
  }
}

function unknownMembers(value: object, known: readonly string[], path: string[]): FieldError[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => ({ pointer: pointer(...path, name), detail: 'is not known' }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only called once {@link modifierErrors} found nothing. */
function kept(value: number): number | string {
  return toStoredNumber(value) ?? value;
}
