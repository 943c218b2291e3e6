// 1 HTTP in · the rules that carry a meaning of the domain: ids, credits, instants, zones; used by the DTOs of every resource.
import { CREDITS_MAX } from '#libs/kernel';
import { TENANT_PATTERN } from '#libs/event-store';
import { CATALOGUE_ID_PATTERN } from '#libs/catalogue';
import { ACCOUNT_ID_PATTERN, isTimezone } from '#libs/ledger';
import { parseInstant, parseInstantOrDay } from './instant.js';
import { requestLimits } from './limits.js';
import { hasAtMost, isJsonObject, Pattern, Satisfies, Text, WholeNumber } from './rules.js';

export { ACCOUNT_ID_PATTERN, CATALOGUE_ID_PATTERN };

export const AccountId = (): PropertyDecorator =>
  Pattern(
    ACCOUNT_ID_PATTERN,
    'an account id: 1 to 100 letters, digits, dots, dashes or underscores, not beginning with one of the last three',
  );
export const CatalogueId = (): PropertyDecorator =>
  Pattern(CATALOGUE_ID_PATTERN, 'an id of 1 to 64 small letters, digits, dots, dashes or underscores');
export const Tenant = (): PropertyDecorator => Pattern(TENANT_PATTERN, 'a tenant: 1 to 32 small letters, digits or underscores');
export const Reason = (): PropertyDecorator => Text(1, 500);

/** At least 1: nothing is granted, priced or refunded for nothing. */
export const PositiveCredits = (): PropertyDecorator => WholeNumber(1, CREDITS_MAX);
export const AnyCredits = (): PropertyDecorator => WholeNumber(0, CREDITS_MAX);

export function Instant(): PropertyDecorator {
  return Satisfies(
    'instant',
    { type: 'string', format: 'date-time' },
    'must be an RFC 3339 instant with an offset, such as 2026-12-01T00:00:00Z',
    (value) => parseInstant(value) !== null,
  );
}

export function InstantOrDay(): PropertyDecorator {
  return Satisfies(
    'instantOrDay',
    { type: 'string', description: 'An RFC 3339 instant, or a YYYY-MM-DD meaning its UTC midnight.' },
    'must be an RFC 3339 instant or a YYYY-MM-DD',
    (value) => parseInstantOrDay(value) !== null,
  );
}

/** IANA names only: an offset such as +01:00 has no summer time and is refused. */
export function TimeZone(): PropertyDecorator {
  return Satisfies(
    'timeZone',
    { type: 'string', description: 'An IANA time zone.', examples: ['Europe/Berlin'] },
    'must be an IANA time zone, such as Europe/Berlin',
    isTimeZone,
  );
}

export function isTimeZone(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(value) && isTimezone(value);
}

/** Texts by name, as many and as long as the configuration allows. */
export function Metadata(): PropertyDecorator {
  return Satisfies(
    'metadata',
    {
      type: 'object',
      maxProperties: requestLimits.metadataKeysMax,
      propertyNames: { minLength: 1, maxLength: 100 },
      additionalProperties: { type: 'string', maxLength: requestLimits.metadataCharactersMax },
    },
    () =>
      `must be an object of at most ${requestLimits.metadataKeysMax} texts of at most ${requestLimits.metadataCharactersMax} characters, under names of 1 to 100 characters`,
    isMetadata,
  );
}

function isMetadata(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const names = Object.keys(value);
  return (
    names.length <= requestLimits.metadataKeysMax &&
    names.every((name) => {
      const text = value[name];
      return name.length > 0 && hasAtMost(name, 100) && typeof text === 'string' && hasAtMost(text, requestLimits.metadataCharactersMax);
    })
  );
}

/** Factors such as "1.5": exact decimals, never floats. */
export function DecimalFactors(names: readonly string[] | null): PropertyDecorator {
  const factor = /^(0|[1-9]\d{0,5})(\.\d{1,6})?$/;
  return Satisfies(
    'decimalFactors',
    {
      type: 'object',
      maxProperties: 50,
      additionalProperties: { type: 'string', pattern: factor.source },
      ...(names && { propertyNames: { enum: [...names] } }),
    },
    `must map ${names ? names.join(', ') : 'names of 1 to 40 characters'} to decimal factors above 0 such as "1.5", with at most 20 decimals`,
    (value) =>
      isJsonObject(value) &&
      Object.keys(value).length <= 50 &&
      Object.entries(value).every(
        ([name, text]) =>
          (names ? names.includes(name) : /^[A-Za-z0-9][A-Za-z0-9._:-]{0,39}$/.test(name)) &&
          typeof text === 'string' &&
          factor.test(text) &&
          Number(text) > 0,
      ),
  );
}
