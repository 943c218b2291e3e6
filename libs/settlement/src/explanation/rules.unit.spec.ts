import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { RULES } from './rules.js';

const document = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'support.md'), 'utf8');

describe('the rules that decisions are explained by', () => {
  it('are those that docs/support.md lists, with the same words', () => {
    const listed = [...document.matchAll(/^\| `([a-z.-]+)` \| (.*) \|$/gm)].map(([, rule, meaning]) => [rule, meaning]);
    expect(listed).toEqual(Object.entries(RULES));
  });
});
