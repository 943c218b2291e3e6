// Shows whose attempt of a brief counts as used.
import { describe, expect, it } from '@jest/globals';
import { usesAttempt } from './brief-attempt.js';
import { BRIEF, rejected, submitted } from './testing/given.js';

describe('an attempt that was taken for a task', () => {
  it('is used by the task that was opened for the brief, and by no other', () => {
    expect(usesAttempt(submitted({ brief: BRIEF }), 'brief_1')).toBe(true);
    expect(usesAttempt(submitted({ brief: BRIEF }), 'brief_2')).toBe(false);
    expect(usesAttempt(submitted(), 'brief_1')).toBe(false);
    expect(usesAttempt(rejected(), 'brief_1')).toBe(false);
    expect(usesAttempt(undefined, 'brief_1')).toBe(false);
  });
});
