import { describe, expect, it } from '@jest/globals';
import { Drain } from './drain.js';

describe('the end of a process', () => {
  it('ends once whatever has no end of its own, also what begins only then', () => {
    const drain = new Drain();
    const ended: string[] = [];
    drain.onDrain(() => ended.push('open'));
    drain.onDrain(() => ended.push('gone'))();
    drain.begin();
    expect(ended).toEqual(['open']);
    drain.onDrain(() => ended.push('late'));
    drain.begin();
    expect(ended).toEqual(['open', 'late']);
  });
});
