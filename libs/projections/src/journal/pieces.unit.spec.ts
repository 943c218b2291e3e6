import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DAY_MS, monthStart } from '#libs/finance';
import { piecesOf, type Span } from './pieces.js';

const GRAINS = ['days and months', 'days', 'months', 'none'] as const;
const instant = fc.oneof(
  fc.integer({ min: Date.UTC(2025, 10), max: Date.UTC(2026, 3) }),
  fc.integer({ min: 0, max: 200 }).map((days) => Date.UTC(2025, 10) + days * DAY_MS),
  fc.integer({ min: 0, max: 6 }).map((months) => Date.UTC(2025, 10 + months)),
);

describe('the pieces of a range', () => {
  it('cover it without gap and without overlap, months by months and days by days', () => {
    fc.assert(
      fc.property(fc.option(instant), fc.option(instant), fc.constantFrom(...GRAINS), (from, to, grains) => {
        fc.pre(from === null || to === null || from < to);
        const pieces = piecesOf({ ...(from !== null && { from }), ...(to !== null && { to }) }, grains);
        const all: Span[] = [...pieces.months, ...pieces.days, ...pieces.instants];
        const sorted = all.sort((a, b) => (a.from ?? -Infinity) - (b.from ?? -Infinity));
        expect(sorted[0]?.from).toBe(from);
        expect(sorted.at(-1)?.to).toBe(to);
        for (const [index, span] of sorted.slice(1).entries()) expect(span.from).toBe(sorted[index]?.to);
        for (const { from: start, to: end } of [...pieces.days, ...pieces.months])
          for (const edge of [start, end]) expect(edge === null ? 0 : edge % DAY_MS).toBe(0);
        for (const { from: start, to: end } of pieces.months)
          for (const edge of [start, end]) expect(edge === null || monthStart(edge) === edge).toBe(true);
        if (grains === 'days' || grains === 'none') expect(pieces.months).toEqual([]);
        if (grains === 'months' || grains === 'none') expect(pieces.days).toEqual([]);
        if (grains === 'days' || grains === 'days and months')
          for (const { from: start, to: end } of pieces.instants) expect((end as number) - (start as number)).toBeLessThan(2 * DAY_MS);
      }),
    );
  });

  it('of nothing are none', () => {
    expect(piecesOf({ from: 5, to: 5 })).toEqual({ months: [], days: [], instants: [] });
  });
});
