import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { jcs } from './index.js';

describe('jcs', () => {
  it('writes what the reference implementation of RFC 8785 writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(jcs(value)).toBe(canonicalize(value));
      }),
      { numRuns: 2000 },
    );
  });

  it('sorts members by code units and leaves undefined ones out', () => {
    expect(jcs({ '\u20ac': 1, '\r': 2, '1': 3, '\ud83d\ude00': 4, z: undefined, '\ufb33': 5 })).toBe(
      '{"\\r":2,"1":3,"\u20ac":1,"\ud83d\ude00":4,"\ufb33":5}',
    );
  });
});
