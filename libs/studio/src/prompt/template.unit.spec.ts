// Shows how templates are read and filled in, and that whatever they say, nothing is rendered with a hole or read twice.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRefusal, type JsonObject, type JsonValue } from '#libs/kernel';
import { checkTemplate, joinNaturally, parseTemplate, renderTemplate, variablesOfTemplate, type TemplatePart } from './template.js';

const NO_FIELDS: ReadonlyMap<string, JsonValue> = new Map();
const variables = (template: string): string[] => variablesOfTemplate(parseTemplate(template) as TemplatePart[]);
const pointers = (result: unknown): string[] =>
  isRefusal(result) ? (result.fields?.['errors'] as Array<{ pointer: string }>).map(({ pointer }) => pointer) : [];

describe('a template', () => {
  it('names its variables in the order of their first use', () => {
    expect(variables('{{scene}} and {{ mood }}, {{scene}} again, {{cam_2}}')).toEqual(['scene', 'mood', 'cam_2']);
    expect(variables('none')).toEqual([]);
  });

  it.each([
    '{{',
    'a {{scene',
    '{{ }}',
    '{{}}',
    '{{two words}}',
    '{{1st}}',
    '{{_x}}',
    '{{{scene}}}',
    '{{a{{b}}',
    '{{scene!}}',
    `{{${'x'.repeat(65)}}}`,
  ])('is refused where it is malformed: %s', (template) => expect(pointers(checkTemplate(template))).toEqual(['/template']));

  it.each(['{"scene": {"light": "morning"}}', '{scene}', 'a } b }} c', 'x'.repeat(20_000)])(
    'takes single braces as they are: %.40s',
    (template) => {
      expect(checkTemplate(template)).toBeNull();
      expect(renderTemplate(template, NO_FIELDS, {})).toBe(template);
    },
  );

  it('has a text, of bounded length', () => {
    expect(pointers(checkTemplate(' '))).toEqual(['/template']);
    expect(pointers(checkTemplate('x'.repeat(20_001)))).toEqual(['/template']);
  });
});

describe('rendering', () => {
  it('joins lists as people do', () => {
    expect(['', 'a', 'a and b', 'a, b and c']).toEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(joinNaturally));
  });

  it('writes numbers plainly, and true and false as such', () => {
    const values = { a: 0.1, b: 1e21, c: 1e-7, d: -2.5, e: true, f: [1, 'x', false], g: [] };
    expect(renderTemplate('{{a}} {{b}} {{c}} {{d}} {{e}} {{f}} [{{g}}]', NO_FIELDS, values)).toBe(
      '0.1 1000000000000000000000 0.0000001 -2.5 true 1, x and false []',
    );
  });

  it('names every variable that is missing, unknown, repeated or of no use', () => {
    const fields = new Map<string, JsonValue>([['goal', 'g']]);
    const given: JsonObject = { goal: 'mine', extra: 1, deep: { a: 1 }, nested: [['a']] };
    expect(pointers(renderTemplate('{{goal}} {{deep}} {{nested}} {{scene}}', fields, given))).toEqual([
      ...['/variables/goal', '/variables/extra', '/variables/deep', '/variables/nested', '/variables/scene'],
    ]);
    expect(pointers(renderTemplate('x', NO_FIELDS, { 'a/b~c': 1 }))).toEqual(['/variables/a~1b~0c']);
  });

  it('knows no variable that nobody gave', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty'])
      expect(pointers(renderTemplate(`{{${name}}}`, NO_FIELDS, {}))).toEqual([`/variables/${name}`]);
  });

  it('never reads what it filled in as a template again', () => {
    expect(renderTemplate('{{a}} {{b}}', NO_FIELDS, { a: '{{b}}', b: '$& {{a}}' })).toBe('{{b}} $& {{a}}');
  });

  it('refuses a text that is too long for a prompt', () => {
    expect(pointers(renderTemplate('{{a}}{{a}}', NO_FIELDS, { a: 'x'.repeat(10_001) }))).toEqual(['/variables']);
  });

  it('puts each value where its name stands, whatever the text around', () => {
    const text = fc.string().map((each) => each.replaceAll('{', '('));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, fc.constantFrom('a', 'b', 'c'))),
        text,
        fc.record({ a: text, b: text, c: text }),
        (parts, end, all) => {
          const template = parts.map(([before, name]) => `${before}{{${name}}}`).join('') + end;
          const used = new Set(parts.map(([, name]) => name));
          const given = Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name as 'a')));
          expect(renderTemplate(template, NO_FIELDS, given)).toBe(parts.map(([before, name]) => before + all[name]).join('') + end);
        },
      ),
    );
  });
});
