// 1 HTTP in · the words of the studio's requests: ids, versions and labels, minutes, gates; used by its DTOs and the paths of its routes.
import type { FastifyRequest } from 'fastify';
import { decimalOf } from '#libs/kernel';
import { GATES, REJECTION_REASONS, STUDIO_ID_PATTERN } from '#libs/studio';
import { invalid, notFound } from '../problems/problem.js';
import { hasAtMost, isJsonObject, DistinctList, JsonObjectOf, Pattern, Satisfies } from '../validation/rules.js';

const ID_DESCRIPTION = '1 to 100 letters, digits, dots, dashes or underscores, beginning with a letter or a digit';
/** A label could otherwise be taken for a version. */
const LABEL = /^(?!v[0-9]+$)[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const VERSION = /^v?([1-9][0-9]{0,8})$/;
const VERSION_MAX = 999_999_999;
const MINUTES_MAX = 100_000;
const SECONDS_MAX = 86_400;
const RATE = /^(?:[01]|0\.[0-9]{1,6}|1\.0{1,6})$/;
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** The caller's own, or one that the product made. */
export const StudioId = (): PropertyDecorator => Pattern(STUDIO_ID_PATTERN, `an id: ${ID_DESCRIPTION}`);

export function Version(): PropertyDecorator {
  return Satisfies(
    'version',
    {
      anyOf: [
        { type: 'integer', minimum: 1, maximum: VERSION_MAX },
        { type: 'string', pattern: VERSION.source },
      ],
    },
    'must be the number of a version, such as 2 or "v2"',
    (value) => typeof readVersion(value) === 'number',
  );
}

export function VersionOrLabel(): PropertyDecorator {
  return Satisfies(
    'versionOrLabel',
    {
      anyOf: [
        { type: 'integer', minimum: 1, maximum: VERSION_MAX },
        { type: 'string', pattern: `${VERSION.source}|${LABEL.source}` },
      ],
      description: 'A number, `v2`, or a label.',
    },
    'must be the number of a version, such as 2 or "v2", or a label',
    (value) => readVersion(value) !== null,
  );
}

/** `2` and `v2` are the version 2, any other word is a label; null for what is neither. */
export function readVersion(value: unknown): number | string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 1 && value <= VERSION_MAX ? value : null;
  if (typeof value !== 'string') return null;
  const number = VERSION.exec(value)?.[1];
  if (number !== undefined) return Number(number);
  return LABEL.test(value) ? value : null;
}

/** Where the rule of a DTO has found that it is one. */
export function versionOf(value: number | string): number | string {
  return readVersion(value) as number | string;
}

function ShortDecimal(unit: string, max: number, isZeroIncluded: boolean): PropertyDecorator {
  return Satisfies(
    'shortDecimal',
    { type: 'number', ...(isZeroIncluded ? { minimum: 0 } : { exclusiveMinimum: 0 }), maximum: max },
    `must be a number of ${unit} ${isZeroIncluded ? 'from 0' : 'above 0, up'} to ${max}, with at most 20 decimals`,
    (value) => typeof value === 'number' && value <= max && (isZeroIncluded || value > 0) && decimalOf(value) !== null,
  );
}

export const Minutes = (): PropertyDecorator => ShortDecimal('minutes', MINUTES_MAX, true);
export const Seconds = (): PropertyDecorator => ShortDecimal('seconds', SECONDS_MAX, false);

export function Rate(): PropertyDecorator {
  return Satisfies(
    'rate',
    { type: 'string', pattern: RATE.source, description: 'An exact decimal from 0 to 1.' },
    'must be a decimal string from "0" to "1" with at most 6 decimals',
    (value) => typeof value === 'string' && RATE.test(value),
  );
}

/** Query parameters are texts: a whole number of minor units. */
export function MinorUnits(max: number): PropertyDecorator {
  return Satisfies(
    'minorUnits',
    { type: 'integer', minimum: 0, maximum: max, default: 0 },
    `must be a whole number from 0 to ${max}`,
    (value) => typeof value === 'string' && /^(0|[1-9]\d{0,15})$/.test(value) && Number(value) <= max,
  );
}

/** Not blank, and without control characters. */
function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.trim() !== '' && hasAtMost(value, max) && !UNPRINTABLE.test(value);
}

export function Texts(countMax: number, charactersMax: number): PropertyDecorator {
  return Satisfies(
    'texts',
    { type: 'array', maxItems: countMax, items: { type: 'string', minLength: 1, maxLength: charactersMax } },
    `must be a list of at most ${countMax} texts of 1 to ${charactersMax} characters, none of them blank`,
    (value) => Array.isArray(value) && value.length <= countMax && value.every((item) => isText(item, charactersMax)),
  );
}

/** A text that says something. */
export function Word(charactersMax: number): PropertyDecorator {
  return Satisfies(
    'word',
    { type: 'string', minLength: 1, maxLength: charactersMax, pattern: '\\S' },
    `must be a text of 1 to ${charactersMax} characters, not blank, without control characters`,
    (value) => isText(value, charactersMax),
  );
}

export const Gates = (): PropertyDecorator => Words(GATES);
export const Reasons = (): PropertyDecorator => Words(REJECTION_REASONS);

function Words(allowed: readonly string[]): PropertyDecorator {
  return DistinctList(0, allowed.length, {
    schema: { type: 'string', enum: [...allowed] },
    detail: `one of ${allowed.join(', ')}`,
    test: (item) => typeof item === 'string' && allowed.includes(item),
  });
}

export function ConfirmedGates(): PropertyDecorator {
  const names: readonly string[] = GATES;
  return Satisfies(
    'confirmedGates',
    { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'boolean' }])), additionalProperties: false },
    `must be an object that says true or false of gates: ${names.join(', ')}`,
    (value) => isJsonObject(value) && Object.entries(value).every(([name, said]) => names.includes(name) && typeof said === 'boolean'),
  );
}

export function WebAddress(): PropertyDecorator {
  return Satisfies(
    'webAddress',
    { type: 'string', format: 'uri', maxLength: 2_000, pattern: '^https?://' },
    'must be an http or https URL of at most 2000 characters',
    (value) => {
      if (typeof value !== 'string' || value.length > 2_000 || !/^https?:\/\/[\x21-\x7e]+$/i.test(value)) return false;
      return URL.canParse(value);
    },
  );
}

/** Names and values are judged with the template that they are for. */
export const Variables = (): PropertyDecorator =>
  JsonObjectOf('What the template asks for beside the brief’s own fields; a list is joined as "a, b and c".', {
    additionalProperties: {
      anyOf: [{ type: ['string', 'number', 'boolean'] }, { type: 'array', items: { type: ['string', 'number', 'boolean'] } }],
    },
  });

/** An id of the studio in the path; what can be none is not found. */
export function studioIdInPath(request: FastifyRequest, what: string): string {
  const { id } = request.params as { id: string };
  if (!STUDIO_ID_PATTERN.test(id)) throw notFound(what);
  return id;
}

/** The version of a prompt in the path: a number, or a label that may be moved. */
export function versionInPath(request: FastifyRequest): number | string {
  const { version } = request.params as { version: string };
  const read = readVersion(version);
  if (read === null) throw notFound('prompt version');
  return read;
}

/** A PUT makes what it names, so the name itself is judged: 400. */
export function newLabelInPath(request: FastifyRequest): string {
  const { label } = request.params as { label: string };
  if (!LABEL.test(label))
    throw invalid([
      {
        pointer: '/label',
        detail: 'must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter, and no version such as v2',
      },
    ]);
  return label;
}

export function newNameInPath(request: FastifyRequest): string {
  const { name } = request.params as { name: string };
  if (!STUDIO_ID_PATTERN.test(name)) throw invalid([{ pointer: '/name', detail: `must be ${ID_DESCRIPTION}` }]);
  return name;
}

export function nameInPath(request: FastifyRequest, what: string): string {
  const { name } = request.params as { name: string };
  if (!STUDIO_ID_PATTERN.test(name)) throw notFound(what);
  return name;
}
