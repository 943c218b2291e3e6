// 1 HTTP in · decides whether a body is what its DTO says: a check compiled from the decorators; stock class-validator words the errors.
import { validateSync, type ValidationError } from 'class-validator';
import { membersOf } from './dto.rules.js';
import { isJsonObject, type Dto } from './rules.js';

export interface FieldError {
  /** RFC 6901. */
  pointer: string;
  detail: string;
}

/** True when the body is valid; one pass over its members, nothing allocated. */
export type CompiledCheck = (body: Record<string, unknown>) => boolean;

const compiled = new Map<Dto, CompiledCheck>();

export function checkOf(dto: Dto): CompiledCheck {
  let check = compiled.get(dto);
  if (check === undefined) compiled.set(dto, (check = compile(dto)));
  return check;
}

function compile(dto: Dto): CompiledCheck {
  const members = membersOf(dto).map((member) => ({
    name: member.name,
    optional: member.optional,
    tests: member.rules.map((rule) => rule.test),
    nested: member.nested ? checkOf(member.nested) : null,
  }));
  const known = new Set(members.map((member) => member.name));
  return (body) => {
    for (const name of Object.keys(body)) if (!known.has(name)) return false;
    for (const member of members) {
      // An inherited member (`toString`) is no member of the body.
      const value = Object.hasOwn(body, member.name) ? body[member.name] : undefined;
      if (value === undefined || value === null) {
        if (member.optional) continue;
        return false;
      }
      for (const test of member.tests) if (!test(value)) return false;
      if (member.nested !== null && !member.nested(value as Record<string, unknown>)) return false;
    }
    return true;
  };
}

/** All that is wrong with a body, in class-validator's words; empty exactly when {@link checkOf} says that it is valid. */
export function errorsOf(dto: Dto, body: unknown): FieldError[] {
  if (!isJsonObject(body)) return [{ pointer: '', detail: 'must be a JSON object' }];
  // A DTO without members is unknown to class-validator, which would refuse every instance of it.
  const found =
    membersOf(dto).length === 0 ? [] : validateSync(instantiate(dto, body), { forbidUnknownValues: true, stopAtFirstError: true });
  return [...found.flatMap((error) => flatten(error, '')), ...unknownMembers(dto, body, '')];
}

/**
 * class-validator judges instances; the tree is given its classes without class-transformer, which would convert on the way. Unknown
 * members are left to {@link unknownMembers}: one called `constructor` would change what class-validator takes the instance for.
 */
function instantiate(dto: Dto, body: Record<string, unknown>): object {
  const instance = new dto() as Record<string, unknown>;
  for (const { name, nested } of membersOf(dto)) {
    if (!Object.hasOwn(body, name)) continue;
    const value = body[name];
    instance[name] = nested && isJsonObject(value) ? instantiate(nested, value) : value;
  }
  return instance;
}

function unknownMembers(dto: Dto, body: Record<string, unknown>, parent: string): FieldError[] {
  const members = new Map(membersOf(dto).map((member) => [member.name, member]));
  return Object.entries(body).flatMap(([name, value]) => {
    const member = members.get(name);
    const pointer = `${parent}/${escaped(name)}`;
    if (member === undefined) return [{ pointer, detail: 'is not a known member' }];
    return member.nested && isJsonObject(value) ? unknownMembers(member.nested, value, pointer) : [];
  });
}

function flatten(error: ValidationError, parent: string): FieldError[] {
  const pointer = `${parent}/${escaped(error.property)}`;
  const own = Object.entries(error.constraints ?? {})
    // `nestedValidation` only repeats that a value which is no object is none.
    .filter(([name]) => name !== 'nestedValidation')
    .slice(0, 1)
    .map(([, detail]) => ({ pointer, detail }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, pointer))];
}

export function escaped(name: string): string {
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
