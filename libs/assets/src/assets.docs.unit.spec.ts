import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ASSET_ERRORS } from './errors.js';

describe('docs/assets.md', () => {
  it('lists every failure, and which of them are tried again', () => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'assets.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `([a-z_]+)` +\| (yes|no) +\|/gm)].map(([, code, again]) => [code, again === 'yes']);
    expect(listed).toEqual(Object.entries(ASSET_ERRORS).map(([code, { retryable }]) => [code, retryable]));
  });
});
