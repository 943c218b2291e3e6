import { describe, expect, it } from '@jest/globals';
import { fromIso, toIso } from './clock.js';

describe('toIso', () => {
  it('prints every instant as Date does, however often and in whatever order they come', () => {
    const now = Date.parse('2026-11-21T20:28:26.123Z');
    const instants = [0, 1, -1, -127, now, now + 127, now + 600_000, now - 127 * 5, Date.parse('1969-12-31T23:59:59.999Z'), now];
    for (let round = 0; round < 3; round += 1) for (const instant of instants) expect(toIso(instant)).toBe(new Date(instant).toISOString());
    expect(fromIso(toIso(now))).toBe(now);
  });

  it('refuses what is no instant', () => {
    expect(() => toIso(NaN)).toThrow(RangeError);
    expect(() => toIso(Infinity)).toThrow(RangeError);
  });
});
