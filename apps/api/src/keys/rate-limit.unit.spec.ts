import { describe, expect, it } from '@jest/globals';
import { ApiProblem } from '../problems/problem.js';
import type { ApiKey } from './api-key.js';
import { takeToken } from './rate-limit.js';

const newKey = (): ApiKey => ({ tokens: 0, refilledAt: 0 }) as ApiKey;

describe('the rate of one key', () => {
  it('is not limited by default', () => {
    const key = newKey();
    for (let i = 0; i < 10_000; i++) takeToken(key, 0, 1);
  });

  it('lets a second’s worth through at once, then as many a second, and says when to come back', () => {
    const key = newKey();
    for (let i = 0; i < 5; i++) takeToken(key, 5, 1_000);
    const refused = (): ApiProblem => {
      try {
        takeToken(key, 5, 1_000);
      } catch (error) {
        return error as ApiProblem;
      }
      throw new Error('it was let through');
    };
    expect(refused()).toMatchObject({ code: 'rate_limited', headers: { 'Retry-After': '1' } });
    takeToken(key, 5, 1_200);
    expect(() => takeToken(key, 5, 1_200)).toThrow(ApiProblem);
    for (let i = 0; i < 5; i++) takeToken(key, 5, 60_000);
    expect(() => takeToken(key, 5, 60_000)).toThrow(ApiProblem);
  });
});
