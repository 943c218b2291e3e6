// Shows that versions are numbered without a gap and never change, and that labels are all that moves.
import { describe, expect, it } from '@jest/globals';
import { UNCHANGED } from '#libs/kernel';
import { checkPrompt, decideAddVersion, decideCreatePrompt, decideMoveLabel } from './prompt.decider.js';
import type { PromptFact } from './prompt.facts.js';
import { evolvePrompt, noPrompt, versionOf, type PromptState } from './prompt.state.js';

const AT = Date.parse('2026-11-21T12:00:00Z');
const ref = (text: string): { $erasable: string } => ({ $erasable: text });
const after = (state: PromptState, decision: unknown): PromptState => (decision as PromptFact[]).reduce(evolvePrompt, state);
const prompt = (): PromptState =>
  after(noPrompt(), decideCreatePrompt(noPrompt(), 'pr_1', { name: ref('n'), template: ref('t'), templateText: '{{b}} {{a}} {{b}}' }, AT));
const add = (state: PromptState, templateText: string): PromptState =>
  after(state, decideAddVersion(state, { template: ref('t'), templateText }, AT));

describe('a prompt', () => {
  it('begins with its first version', () => {
    const state = prompt();
    expect(state.versions).toMatchObject([{ version: 1, variables: ['b', 'a'], revision: 1 }]);
    expect(decideCreatePrompt(state, 'pr_1', { name: ref('n'), template: ref('t'), templateText: 'x' }, AT)).toMatchObject({
      code: 'already_exists',
    });
  });

  it('gets versions one after the other, also of the same text, and leaves the earlier ones alone', () => {
    const state = add(add(prompt(), 'same'), 'same');
    expect(state.versions.map(({ version, revision, variables }) => [version, revision, variables])).toEqual([
      [1, 1, ['b', 'a']],
      [2, 2, []],
      [3, 3, []],
    ]);
    expect(decideAddVersion(noPrompt(), { template: ref('t'), templateText: 'x' }, AT)).toMatchObject({ code: 'not_found' });
  });

  it('moves a label, says where it was, and writes nothing where it is already', () => {
    const state = add(prompt(), 'two');
    expect(decideMoveLabel(state, 'production', 2, AT)).toMatchObject([{ data: { label: 'production', version: 2, previous: null } }]);
    after(state, decideMoveLabel(state, 'production', 2, AT));
    expect(decideMoveLabel(state, 'production', 2, AT)).toBe(UNCHANGED);
    expect(decideMoveLabel(state, 'production', 1, AT)).toMatchObject([{ data: { version: 1, previous: 2 } }]);
  });

  it('has no label that looks like a version, and none on a version that is not there', () => {
    const state = prompt();
    for (const label of ['v1', '1', '', 'a b', '-x', '__proto__', 'x'.repeat(65)])
      expect(decideMoveLabel(state, label, 1, AT)).toMatchObject({ code: 'validation_failed' });
    for (const version of [0, 2, -1, 1.5]) expect(decideMoveLabel(state, 'production', version, AT)).toMatchObject({ code: 'not_found' });
    expect(decideMoveLabel(noPrompt(), 'production', 1, AT)).toMatchObject({ code: 'not_found' });
  });

  it('is found by number, by v and number, and by label', () => {
    const state = add(prompt(), 'two');
    after(state, decideMoveLabel(state, 'production', 1, AT));
    expect([2, '2', 'v2', 'production'].map((named) => versionOf(state, named)?.version)).toEqual([2, 2, 2, 1]);
    expect([0, 3, 'v3', 'v0', 'staging', 'constructor', 1.5].map((named) => versionOf(state, named))).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it('needs a name and a template', () => {
    const pointers = (input: { name: string; template: string }, id = 'pr_1'): string[] =>
      ((checkPrompt(id, input)?.fields?.['errors'] ?? []) as Array<{ pointer: string }>).map(({ pointer }) => pointer);
    expect(pointers({ name: ' ', template: 'x' }, 'a b')).toEqual(['/id', '/name']);
    expect(pointers({ name: 'x', template: '{{' })).toEqual(['/template']);
    expect(pointers({ name: 'x', template: 'x' })).toEqual([]);
  });
});
