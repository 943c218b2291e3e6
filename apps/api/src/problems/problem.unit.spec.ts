import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable, SessionsOverloaded } from '#libs/event-store';
import { InvariantBroken } from '#libs/kernel';
import { InvalidCursor } from '#libs/projections';
import { errorsDocument } from './errors.document.js';
import { problemOfError } from './fault.js';
import { PROBLEM_TYPES, problemTypeOf, unmappedCodes } from './problem.catalogue.js';

describe('problems', () => {
  it('give every code of every lib a status', () => {
    expect(unmappedCodes()).toEqual([]);
  });

  it('have the statuses of the contract', () => {
    const statuses = Object.fromEntries([...PROBLEM_TYPES.values()].map((type) => [type.code, type.status]));
    expect(statuses).toMatchObject({
      validation_failed: 400,
      unauthorized: 401,
      insufficient_credits: 402,
      forbidden: 403,
      plan_required: 403,
      account_suspended: 403,
      not_found: 404,
      method_not_allowed: 405,
      conflict: 409,
      already_settled: 409,
      already_exists: 409,
      quote_expired: 410,
      payload_too_large: 413,
      unsupported_media_type: 415,
      price_changed: 422,
      idempotency_key_reused: 422,
      unknown_model: 422,
      too_many_tasks: 429,
      rate_limited: 429,
      internal: 500,
      overloaded: 503,
      not_ready: 503,
    });
  });

  it('say when to come back on every 429 and 503', () => {
    for (const type of PROBLEM_TYPES.values())
      expect([type.code, type.retryAfter !== undefined]).toEqual([type.code, type.status === 429 || type.status === 503]);
  });

  it('tell nothing of a fault of ours', () => {
    for (const error of [
      new Error('SELECT secret'),
      new InvariantBroken('grant broken'),
      new TypeError('x'),
      'text',
      null,
      { code: '23505', message: 'duplicate' },
    ]) {
      const { problem, fault } = problemOfError(error);
      expect(problem.code).toBe('internal');
      expect(fault).toBe(true);
      expect(problem.message).not.toMatch(/SELECT|grant|duplicate/);
    }
    expect(problemTypeOf('a code that nobody knows').code).toBe('internal');
  });

  it.each([
    [new EventStoreUnavailable('x'), 'not_ready'],
    [new SessionsOverloaded('x'), 'overloaded'],
    [new InvalidCursor('x'), 'validation_failed'],
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'not_ready'],
    [Object.assign(new Error('terminating connection'), { code: '57P01' }), 'not_ready'],
    [Object.assign(new Error('too many connections'), { code: '53300' }), 'not_ready'],
    [new Error('Connection terminated unexpectedly'), 'not_ready'],
    [new AggregateError([Object.assign(new Error(''), { code: 'ECONNREFUSED' })]), 'not_ready'],
  ])('are %p → %s', (error, code) => {
    expect(problemOfError(error)).toMatchObject({ fault: false, problem: { code } });
  });

  it('are listed in docs/errors.md', () => {
    expect(readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'errors.md'), 'utf8')).toBe(errorsDocument());
  });
});
