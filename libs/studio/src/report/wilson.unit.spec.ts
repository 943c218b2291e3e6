import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rational } from './rational.js';
import { generationsUntilFirm, wilsonInterval } from './wilson.js';

/** Wilson's interval in floats, by the formula of the textbooks: what the exact one is compared with. */
function wilson(rate: number, trials: number): { low: number; high: number } {
  const z = 1.959963984540054;
  const centre = (rate + (z * z) / (2 * trials)) / (1 + (z * z) / trials);
  const half = (z / (1 + (z * z) / trials)) * Math.sqrt((rate * (1 - rate)) / trials + (z * z) / (4 * trials * trials));
  return { low: centre - half, high: centre + half };
}

describe("Wilson's interval", () => {
  it('gives the published values', () => {
    // R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I, method 3.
    const published = [
      [81, 263, '0.2553', '0.3662'],
      [15, 148, '0.0624', '0.1605'],
      [0, 20, '0.0000', '0.1611'],
      [1, 29, '0.0061', '0.1718'],
    ] as const;
    for (const [successes, trials, low, high] of published) {
      const interval = wilsonInterval(successes, trials);
      expect([Number(interval.low).toFixed(4), Number(interval.high).toFixed(4)]).toEqual([low, high]);
    }
  });

  it('reaches from exactly 0 where there is none, to exactly 1 where there are all', () => {
    expect(wilsonInterval(0, 1_000_000).low).toBe('0');
    expect(wilsonInterval(7, 7)).toEqual({ low: '0.64567', high: '1', confidence: '0.95' });
    expect(wilsonInterval(0, 1)).toEqual({ low: '0', high: '0.793451', confidence: '0.95' });
  });

  it('is what floats come to, to the last decimal shown or its neighbour', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (trials, share) => {
        const successes = Math.round(trials * share);
        const { low, high } = wilsonInterval(successes, trials);
        const expected = wilson(successes / trials, trials);
        expect(Math.abs(Number(low) - expected.low)).toBeLessThan(0.500_001e-6);
        expect(Math.abs(Number(high) - expected.high)).toBeLessThan(0.500_001e-6);
      }),
    );
  });
});

describe('how many more generations settle the verdict', () => {
  it('is the first count at which the interval leaves the bar, as trying one after the other finds it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(60), fc.integer({ min: 0, max: 100 }), (trials, some, percent) => {
        const successes = Math.min(some, trials);
        const bar = percent / 100;
        const rate = successes / trials;
        const answer = generationsUntilFirm(successes, trials, rational(percent, 100));
        if (successes * 100 === percent * trials) {
          expect(answer).toBeNull();
          return;
        }
        const isFirm = (more: number): boolean => {
          const { low, high } = wilson(rate, trials + more);
          // An interval of none or all ends at 0 or 1 exactly, where floats only come near.
          return (rate > 0 && low > bar) || (rate < 1 && high < bar) || (percent === 0 && rate > 0) || (percent === 100 && rate < 1);
        };
        let more = 0;
        while (!isFirm(more) && more < 5_000) more += 1;
        expect(Math.min(answer!, 5_000)).toBe(more);
      }),
      { numRuns: 400 },
    );
  });

  it('is nothing where no count would do', () => {
    expect(generationsUntilFirm(0, 0, rational(1, 4))).toBeNull();
    expect(generationsUntilFirm(1, 4, rational(1, 4))).toBeNull();
    expect(generationsUntilFirm(333_333_333_333, 999_999_999_999, rational(333_333, 1_000_000))).not.toBeNull();
    expect(generationsUntilFirm(333_333_333_332, 999_999_999_999, { n: 333_333_333_333n, d: 1_000_000_000_000n })).toBeNull();
  });

  it('is found at once, however near the rate is to the bar', () => {
    // p = 0.16, b = 0.160001: z² b (1 − b) / 10⁻¹² generations in all.
    expect(generationsUntilFirm(8, 50, rational(160_001, 1_000_000))).toBe(516_294_677_640);
  });
});
