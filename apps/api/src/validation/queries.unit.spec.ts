import { describe, expect, it } from '@jest/globals';
import { MovementsQueryDto } from '../accounts/accounts.dto.js';
import { ApiProblem } from '../problems/problem.js';
import { checked } from './checked.js';
import { parseInstant, parseInstantOrDay } from './instant.js';
import { idCursor, ListQueryDto, pageById, pageOf, rangeOf, readIdCursor } from './queries.js';

const refused = (query: Record<string, unknown>): boolean => {
  try {
    checked(MovementsQueryDto, query);
    return false;
  } catch (error) {
    return error instanceof ApiProblem && error.code === 'validation_failed';
  }
};

describe('query parameters', () => {
  it('default to a page of 50', () => {
    expect(pageOf(checked(ListQueryDto, {}))).toEqual({ limit: 50, cursor: null });
    expect(pageOf(checked(ListQueryDto, { limit: '200', cursor: 'abc' }))).toEqual({ limit: 200, cursor: 'abc' });
  });

  it.each([
    { limit: '0' },
    { limit: '201' },
    { limit: '1.5' },
    { limit: '1e2' },
    { limit: '' },
    { limit: ['1', '2'] },
    { cursor: '' },
    { atLeast: '5' },
    { atLeast: "' OR 1=1" },
    { from: 'yesterday' },
    { bucket: 'gold' },
    { type: '' },
    { taskId: 'x' },
    { order: 'up' },
    { unknown: '1' },
  ])('are refused: %j', (query) => {
    expect(refused(query)).toBe(true);
  });

  it('take instants and days, half-open, and no range that runs backwards', () => {
    expect(rangeOf({ from: '2026-11-01', to: '2026-11-02T00:00:00+01:00' })).toEqual({
      from: Date.UTC(2026, 10, 1),
      to: Date.UTC(2026, 10, 1, 23),
    });
    expect(() => rangeOf({ from: '2026-11-02', to: '2026-11-01' })).toThrow(ApiProblem);
  });
});

describe('an instant', () => {
  it.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00+25:00',
    '1969-12-31T00:00:00Z',
    'x'.repeat(1000),
    5,
    null,
  ])('is not %j', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it('has an offset and lies on a day that exists', () => {
    expect(parseInstant('2028-02-29T23:59:59.123456Z')).toBe(Date.UTC(2028, 1, 29, 23, 59, 59, 123));
    expect(parseInstantOrDay('2026-02-30')).toBeNull();
    expect(parseInstantOrDay('2026-02-28')).toBe(Date.UTC(2026, 1, 28));
  });
});

describe('a page by id', () => {
  it('goes on after the last id shown, however the list has grown', () => {
    const rows = ['b', 'a', 'c'].map((id) => ({ id }));
    const first = pageById(rows, { limit: 2, cursor: null });
    expect(first.data.map((row) => row.id)).toEqual(['a', 'b']);
    const second = pageById([...rows, { id: 'aa' }], { limit: 2, cursor: first.nextCursor });
    expect(second).toEqual({ data: [{ id: 'c' }], nextCursor: null });
  });

  it('takes no cursor but its own', () => {
    expect(readIdCursor(idCursor('x'))).toBe('x');
    for (const cursor of ['zzzz', `${idCursor('x')}=`, Buffer.from('keys:1').toString('base64url')])
      expect(() => readIdCursor(cursor)).toThrow(ApiProblem);
  });
});
