import { describe, expect, it } from '@jest/globals';
import { namesTag, rangeOf } from './byte-range.js';

describe('the range of a request for 10 bytes', () => {
  it.each([
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=3-5', { first: 3, last: 5 }],
    ['bytes=3-', { first: 3, last: 9 }],
    ['bytes=0-999', { first: 0, last: 9 }],
    ['Bytes = 9 - 9', { first: 9, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-999', { first: 0, last: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=10-12', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
  ])('%s', (header, expected) => expect(rangeOf(header, 10)).toEqual(expected));

  it.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=5-3', 'bytes=0-1,3-4', 'items=0-1', 'bytes=a-b', 'bytes=0x1-2', 'bytes=1e1-'])(
    'is all of it for %s',
    (header) => expect(rangeOf(header, 10)).toBeNull(),
  );
});

describe('If-None-Match', () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ['*', true],
    ['"b"', false],
    ['a', false],
    [undefined, false],
  ])('%s names the tag: %s', (header, expected) => expect(namesTag(header, '"a"')).toBe(expected));
});
