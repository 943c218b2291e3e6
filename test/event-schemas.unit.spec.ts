import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { eventSchemas, type JsonSchema } from '../tools/event-schemas.js';
import { incompatibilities } from '../tools/schema-compatibility.js';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'docs', 'events');
const schemaFile = (path: string): JsonSchema => JSON.parse(readFileSync(join(folder, path), 'utf8')) as JsonSchema;

describe('docs/events', () => {
  const made = eventSchemas(root);

  it('holds the schema of every published fact as the code has it (npm run docs writes them)', () => {
    const present = [...made.keys()].map((path) => [path, existsSync(join(folder, path)) ? schemaFile(path) : 'missing']);
    expect(Object.fromEntries(present)).toEqual(Object.fromEntries(made));
  });

  it('holds JSON Schemas of 2020-12, each with a name of its own', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false });
    const files = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => file.endsWith('.schema.json'));
    for (const file of files) {
      ajv.addSchema(schemaFile(file));
      expect(ajv.getSchema(schemaFile(file)['$id'] as string)).toBeDefined();
    }
    expect(files.length).toBeGreaterThanOrEqual(made.size);
  });

  it('can be read by consumers of the last release: what breaks one is a new version beside the old', () => {
    const { schemas } = JSON.parse(readFileSync(join(folder, 'released.json'), 'utf8')) as { schemas: Record<string, JsonSchema> };
    const found = Object.entries(schemas).flatMap(([path, released]) =>
      existsSync(join(folder, path))
        ? incompatibilities(released, schemaFile(path)).map((sentence) => `${path}: ${sentence}`)
        : [`${path}: is gone, though facts of it stand in the log`],
    );
    expect(found).toEqual([]);
  });
});

describe('the judgement of two schemas', () => {
  const fact = (
    properties: Record<string, JsonSchema>,
    required = Object.keys(properties),
    $defs?: Record<string, JsonSchema>,
  ): JsonSchema => ({
    type: 'object',
    properties,
    required,
    ...($defs && { $defs }),
  });
  const text: JsonSchema = { type: 'string' };
  const whole: JsonSchema = { type: 'integer' };
  const maybe = (type: string): JsonSchema => ({ type: [type, 'null'] });
  const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
  const ref: JsonSchema = { $ref: '#/$defs/Money' };

  it.each<[string, JsonSchema, JsonSchema]>([
    ['nothing changed', fact({ a: text }), fact({ a: text })],
    ['a new optional property', fact({ a: text }), fact({ a: text, b: whole }, ['a'])],
    ['a new value of an enumeration', fact({ a: { enum: ['x'] } }), fact({ a: { enum: ['x', 'y'] } })],
    ['one value became several', fact({ a: { const: 'x' } }), fact({ a: { enum: ['x', 'y'] } })],
    ['another description', fact({ a: text }), fact({ a: { ...text, description: 'said better' } })],
    ['the same type under a name', fact({ a: fact({ b: text }) }), fact({ a: ref }, ['a'], { Money: fact({ b: text }) })],
    ['the same alternatives in another order', fact({ a: { anyOf: [whole, text] } }), fact({ a: { anyOf: [text, whole] } })],
  ])('lets pass: %s', (_name, before, after) => {
    expect(incompatibilities(before, after)).toEqual([]);
  });

  it.each<[string, JsonSchema, JsonSchema, string]>([
    ['a property gone', fact({ a: text, b: text }), fact({ a: text }), 'b: is gone'],
    ['another type', fact({ a: text }), fact({ a: whole }), 'a: can no longer be string'],
    ['what may now be null', fact({ a: text }), fact({ a: maybe('string') }), 'a: may now be null'],
    ['what can no longer be null', fact({ a: maybe('string') }), fact({ a: text }), 'a: can no longer be null'],
    ['optional made required', fact({ a: text }, []), fact({ a: text }), 'a: is now required, and older facts may lack it'],
    ['required made optional', fact({ a: text }), fact({ a: text }, []), 'a: may now be absent'],
    ['a new required property', fact({}), fact({ a: text }), 'a: is new and required, and older facts do not have it'],
    ['a narrower enumeration', fact({ a: { enum: ['x', 'y'] } }), fact({ a: { enum: ['x'] } }), 'a: "y" is no longer a value of it'],
    ['any text made an enumeration', fact({ a: text }), fact({ a: { enum: ['x'] } }), 'a: can no longer be string'],
    ['a pattern', fact({ a: text }), fact({ a: { ...text, pattern: '^x' } }), 'a: pattern is another'],
    ['a bound', fact({ a: whole }), fact({ a: { ...whole, maximum: 5 } }), 'a: maximum is another'],
    ['inside a list', fact({ a: list(fact({ b: text })) }), fact({ a: list(fact({ b: whole })) }), 'a[].b: can no longer be string'],
    [
      'inside a map',
      fact({ a: { type: 'object', additionalProperties: text } }),
      fact({ a: { type: 'object', additionalProperties: whole } }),
      'a.*: can no longer be string',
    ],
    [
      'inside a named type',
      fact({ a: ref }, ['a'], { Money: fact({ b: text }) }),
      fact({ a: ref }, ['a'], { Money: fact({}) }),
      'a.b: is gone',
    ],
    [
      'one more form of an object',
      fact({ a: fact({ b: text }) }),
      fact({ a: { anyOf: [fact({ b: text }), fact({ c: text })] } }),
      'a: has 2 forms instead of 1',
    ],
    [
      'one form changed',
      fact({ a: { anyOf: [fact({ b: text }), fact({ c: text })] } }),
      fact({ a: { anyOf: [fact({ b: text }), fact({ d: text })] } }),
      'a.c: is gone',
    ],
  ])('refuses: %s', (_name, before, after, sentence) => {
    expect(incompatibilities(before, after)).toContain(sentence);
  });
});
