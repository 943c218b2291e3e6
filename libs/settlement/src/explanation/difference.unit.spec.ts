import { describe, expect, it } from '@jest/globals';
import { compareFacts } from './difference.js';

const a = { type: 'A', data: { credits: 1, note: undefined } };
const b = { type: 'B', data: { credits: 2 } };

describe('the log against what is decided today', () => {
  it('is the same whatever the order of members and whichever of them are undefined', () => {
    expect(compareFacts([{ type: 'A', data: { credits: 1 } }, b], [a, b])).toEqual({ reproduced: true, difference: null });
  });

  it('shows the facts that the other side has not, and no others', () => {
    const other = { type: 'B', data: { credits: 3 } };
    expect(compareFacts([a, b], [a, other])).toEqual({
      reproduced: false,
      difference: { expected: [b], actual: [other] },
    });
    expect(compareFacts([b], [])).toEqual({ reproduced: false, difference: { expected: [b], actual: [] } });
  });

  it('shows the order where that is all', () => {
    expect(compareFacts([a, b], [b, a]).difference).toEqual({ expected: ['A', 'B'], actual: ['B', 'A'] });
  });
});
