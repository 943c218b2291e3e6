import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MOVES } from './review-states.js';
import { reviewDiagram, STUDIO_BLOCKS } from './review.document.js';

describe('docs/studio.md', () => {
  it('says of states, moves, reasons, gates and uses what the code says (UPDATE_DOCS=1 writes it)', () => {
    const file = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'studio.md');
    const text = readFileSync(file, 'utf8');
    let written = text;
    for (const [name, make] of Object.entries(STUDIO_BLOCKS)) {
      const block = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
      expect(text).toMatch(block);
      written = written.replace(block, (_whole, begin: string, end: string) => `${begin}\n${make()}\n\n${end}`);
    }
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, written);
    expect(text).toBe(written);
  });

  it('draws every move, and no other', () => {
    const drawn = [...reviewDiagram().matchAll(/^ {4}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from!}>${to!}`);
    const moves = Object.entries(MOVES).flatMap(([from, ways]) => ways.map((to) => `${from}>${to}`));
    expect(drawn.sort()).toEqual(moves.sort());
  });
});
