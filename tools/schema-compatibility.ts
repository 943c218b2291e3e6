// Decides whether readers of a released schema can go on: facts of either age must satisfy both schemas; called by the test of docs/events.
import type { JsonSchema } from './event-schemas.js';

/** Says what is meant, not what is allowed. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$defs',
  'title',
  'description',
  'properties',
  'required',
  'items',
  'anyOf',
  'enum',
  'const',
  'type',
  '$ref',
]);

/**
 * What a consumer of the released schema would trip over, one sentence each. Allowed are: a new optional property, and a new value of an
 * enumeration, of which consumers are told to expect more.
 */
export function incompatibilities(released: JsonSchema, present: JsonSchema): string[] {
  const checked = new Set<string>();
  return compare({ root: released, schema: released }, { root: present, schema: present }, '', checked);
}

interface Placed {
  root: JsonSchema;
  schema: JsonSchema;
}

function compare(before: Placed, after: Placed, at: string, checked: Set<string>): string[] {
  const refs = `${before.schema.$ref ?? ''} ${after.schema.$ref ?? ''}`;
  // A type that speaks of itself is compared once.
  if (refs.trim() !== '' && checked.has(refs)) return [];
  if (refs.trim() !== '') checked.add(refs);
  const was = alternativesOf(before);
  const is = alternativesOf(after);
  const place = at === '' ? 'the fact' : at;
  const found: string[] = [];
  for (const kind of new Set([...was.keys(), ...is.keys()])) {
    const [olds, news] = [was.get(kind), is.get(kind)];
    if (olds === undefined) found.push(`${place}: may now be ${kind}`);
    else if (news === undefined) found.push(`${place}: can no longer be ${kind}`);
    else found.push(...compareKind(kind, olds, news, at, checked));
  }
  return found;
}

function compareKind(kind: string, olds: Placed[], news: Placed[], at: string, checked: Set<string>): string[] {
  const place = at === '' ? 'the fact' : at;
  if (kind === 'one of a list') {
    const values = new Set(news.flatMap(({ schema }) => valuesOf(schema)));
    const gone = olds.flatMap(({ schema }) => valuesOf(schema)).filter((value) => !values.has(value));
    return gone.map((value) => `${place}: ${value} is no longer a value of it`);
  }
  if (olds.length !== news.length) return [`${place}: has ${news.length} forms instead of ${olds.length}`];
  // Several objects in one union are told apart by nothing but their form: each must find its like.
  const pairs = olds.map((old) => news.map((now) => compareOne(kind, old, now, at, checked)).sort((a, b) => a.length - b.length)[0]!);
  return pairs.flat();
}

function compareOne(kind: string, before: Placed, after: Placed, at: string, checked: Set<string>): string[] {
  const place = at === '' ? 'the fact' : at;
  const found: string[] = [];
  for (const keyword of new Set([...Object.keys(before.schema), ...Object.keys(after.schema)])) {
    if (ANNOTATIONS.has(keyword) || keyword === 'additionalProperties') continue;
    if (JSON.stringify(before.schema[keyword]) !== JSON.stringify(after.schema[keyword])) found.push(`${place}: ${keyword} is another`);
  }
  if (kind === 'array') found.push(...compare(inside(before, before.schema.items), inside(after, after.schema.items), `${at}[]`, checked));
  if (kind === 'object') found.push(...compareObjects(before, after, at, checked));
  return found;
}

function compareObjects(before: Placed, after: Placed, at: string, checked: Set<string>): string[] {
  const found: string[] = [];
  const [was, is] = [before.schema.properties ?? {}, after.schema.properties ?? {}];
  const [needed, needs] = [new Set(before.schema.required), new Set(after.schema.required)];
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const path = at === '' ? name : `${at}.${name}`;
    if (is[name] === undefined) found.push(`${path}: is gone`);
    else if (was[name] === undefined) {
      if (needs.has(name)) found.push(`${path}: is new and required, and older facts do not have it`);
    } else {
      if (needs.has(name) && !needed.has(name)) found.push(`${path}: is now required, and older facts may lack it`);
      if (!needs.has(name) && needed.has(name)) found.push(`${path}: may now be absent`);
      found.push(...compare(inside(before, was[name]), inside(after, is[name]), path, checked));
    }
  }
  const [wasRest, isRest] = [before.schema['additionalProperties'], after.schema['additionalProperties']] as Array<JsonSchema | undefined>;
  if ((wasRest === undefined) !== (isRest === undefined)) found.push(`${at || 'the fact'}: additionalProperties is another`);
  else if (wasRest !== undefined) found.push(...compare(inside(before, wasRest), inside(after, isRest), `${at}.*`, checked));
  return found;
}

function inside({ root }: Placed, schema: JsonSchema | undefined): Placed {
  return { root, schema: schema ?? {} };
}

/** Kind of value → the schemas that allow it. */
function alternativesOf(placed: Placed): Map<string, Placed[]> {
  const kinds = new Map<string, Placed[]>();
  const add = (kind: string, schema: JsonSchema): void => void kinds.set(kind, [...(kinds.get(kind) ?? []), inside(placed, schema)]);
  for (const schema of flat(placed)) {
    if (schema.enum !== undefined || 'const' in schema) add('one of a list', schema);
    else if (schema.type === undefined) add('anything', schema);
    else {
      for (const type of [schema.type].flat()) {
        // A format or a pattern speaks of the text, not of the null beside it.
        if (type === 'null') add('null', { type });
        else add(type, { ...schema, type });
      }
    }
  }
  return kinds;
}

function flat({ root, schema }: Placed): JsonSchema[] {
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
    if (target === undefined) throw new Error(`${schema.$ref} leads nowhere`);
    return flat({ root, schema: target });
  }
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap((part) => flat({ root, schema: part }));
}

function valuesOf(schema: JsonSchema): string[] {
  return (schema.enum ?? [schema['const']]).map((value) => JSON.stringify(value));
}
