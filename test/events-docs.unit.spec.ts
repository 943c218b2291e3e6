import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventsMarkdown } from '../tools/events-docs.js';

const root = join(import.meta.dirname, '..');

describe('docs/events.md', () => {
  it('is what the code says (npm run docs writes it)', () => {
    expect(readFileSync(join(root, 'docs', 'events.md'), 'utf8')).toBe(eventsMarkdown(root));
  });
});
