// 1 HTTP in · the vocabulary of request members: each rule is one class-validator decorator with its test, its sentence and its JSON Schema.
import { IsOptional, registerDecorator, ValidateNested } from 'class-validator';

export type JsonSchema = Record<string, unknown>;
export type Dto = new () => object;

/** What a decorator leaves in class-validator's metadata: read by the compiled check and by the OpenAPI document. */
export interface Rule {
  /** Marks our own rules among the constraints. */
  isRule: true;
  name: string;
  test: (value: unknown) => boolean;
  detail: string | (() => string);
  schema: JsonSchema;
  nested?: Dto;
}

function decorate(name: string, schema: JsonSchema, detail: Rule['detail'], test: Rule['test'], nested?: Dto): PropertyDecorator {
  const rule: Rule = { isRule: true, name, test, detail, schema, ...(nested && { nested }) };
  return (target, propertyName) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: propertyName as string,
      constraints: [rule],
      options: { message: () => detailOf(rule) },
      validator: { validate: (value: unknown) => test(value) },
    });
  };
}

export function detailOf(rule: Rule): string {
  return typeof rule.detail === 'string' ? rule.detail : rule.detail();
}

/** May be absent or null. */
export function Optional(): PropertyDecorator {
  return IsOptional();
}

const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** A text of `min` to `max` characters (code points), none of them a control character but tab and line breaks. */
export function Text(min: number, max: number | (() => number), schema: JsonSchema = {}): PropertyDecorator {
  const limit = typeof max === 'number' ? () => max : max;
  return decorate(
    'text',
    { type: 'string', minLength: min, maxLength: limit(), ...schema },
    () => `must be a text of ${min} to ${limit()} characters without control characters`,
    (value) => typeof value === 'string' && value.length >= min && hasAtMost(value, limit()) && !UNPRINTABLE.test(value),
  );
}

/** Code points are only counted where the number of code units leaves a doubt. */
export function hasAtMost(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let points = 0;
  for (const _ of text) if (++points > max) return false;
  return true;
}

export function Pattern(pattern: RegExp, description: string): PropertyDecorator {
  return decorate(
    'pattern',
    { type: 'string', pattern: pattern.source, description },
    `must be ${description}`,
    (value) => typeof value === 'string' && pattern.test(value),
  );
}

export function WholeNumber(min: number, max: number): PropertyDecorator {
  return decorate(
    'wholeNumber',
    { type: 'integer', minimum: min, maximum: max },
    `must be a whole number from ${min} to ${max}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
}

export function OneOf(values: readonly string[]): PropertyDecorator {
  const allowed = new Set(values);
  return decorate(
    'oneOf',
    { type: 'string', enum: [...values] },
    `must be one of ${values.join(', ')}`,
    (value) => typeof value === 'string' && allowed.has(value),
  );
}

/** Custom sentence and test, for what has a shape of its own. */
export function Satisfies(name: string, schema: JsonSchema, detail: Rule['detail'], test: (value: unknown) => boolean): PropertyDecorator {
  return decorate(name, schema, detail, test);
}

export function YesOrNo(): PropertyDecorator {
  return decorate('yesOrNo', { type: 'boolean' }, 'must be true or false', (value) => typeof value === 'boolean');
}

/** A list of `min` to `max` different values. */
export function DistinctList(
  min: number,
  max: number,
  item: { schema: JsonSchema; detail: string; test: (value: unknown) => boolean },
): PropertyDecorator {
  return decorate(
    'distinctList',
    { type: 'array', minItems: min, maxItems: max, uniqueItems: true, items: item.schema },
    `must be a list of ${min} to ${max} different values, each ${item.detail}`,
    (value) =>
      Array.isArray(value) && value.length >= min && value.length <= max && new Set(value).size === value.length && value.every(item.test),
  );
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object whose members are checked where their meaning is known: by the catalogue and the provider. */
export function JsonObjectOf(description: string, schema: JsonSchema = {}): PropertyDecorator {
  return decorate('jsonObject', { type: 'object', description, ...schema }, 'must be an object', isJsonObject);
}

/** An object with the members of another DTO. */
export function Nested(dto: Dto): PropertyDecorator {
  const isObject = decorate('nested', {}, 'must be an object', isJsonObject, dto);
  const descend = ValidateNested();
  return (target, property) => {
    isObject(target, property);
    descend(target, property);
  };
}
