// Shows that a price is exact before the click, and that what is not declared has no price.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CREDITS_MAX, isRefusal, type JsonObject } from '#libs/kernel';
import type { Modifiers } from './catalogue.facts.js';
import { deadlineMsOf } from './parameters.js';
import { creditsOf, priceInEffect, priceRequest } from './pricing.js';
import { modelOf, NOON, SIMULATOR } from './testing/catalogue.fixture.js';

const PRICED: Modifiers = {
  perSecond: { includedSeconds: 5, creditsPerSecond: 14 },
  resolution: { '720p': '1', '1080p': '1.5', '4k': '2.25' },
  outputType: { image: '0.5' },
  maxDurationSeconds: 60,
};

const price = (parameters: JsonObject | undefined, modifiers: Modifiers | null = PRICED, credits = 70): unknown => {
  const priced = priceRequest(modelOf({ price: { credits, modifiers } }), 'test', parameters, NOON, SIMULATOR);
  return isRefusal(priced)
    ? (priced.fields?.['errors'] as Array<{ pointer: string }> | undefined)?.map((error) => error.pointer)
    : priced.credits;
};

describe('a price', () => {
  it('is the base where nothing is asked for', () => {
    expect(price(undefined, null)).toBe(70);
    expect(price({}, null)).toBe(70);
    expect(price(undefined)).toBe(70);
  });

  it('grows with every second beyond the included ones', () => {
    expect(price({ durationSeconds: 5 })).toBe(70);
    expect(price({ durationSeconds: 3 })).toBe(70);
    expect(price({ durationSeconds: 10 })).toBe(140);
    expect(price({ durationSeconds: 5.5 })).toBe(77);
  });

  it('counts what the model makes beyond the included seconds where no duration is asked for', () => {
    expect(price(undefined, { perSecond: { includedSeconds: 0, creditsPerSecond: 2 } })).toBe(80);
  });

  it('is multiplied by the factors and rounded up once, at the end', () => {
    expect(price({ resolution: '1080p' })).toBe(105);
    expect(price({ durationSeconds: 5.1, resolution: '1080p', outputType: 'image' })).toBe(54);
    expect(price({ resolution: '1.1' }, { resolution: { '1.1': '1.1' } }, 100)).toBe(110);
    expect(price({ resolution: 'x' }, { resolution: { x: '0.000001' } }, 1)).toBe(1);
  });

  it('can be zero, and fractions per second are exact', () => {
    expect(price({}, null, 0)).toBe(0);
    expect(price({ durationSeconds: 15 }, { perSecond: { includedSeconds: 5, creditsPerSecond: 0.1 } })).toBe(71);
    expect(price({ durationSeconds: 8 }, { perSecond: { includedSeconds: 5, creditsPerSecond: 0.1 } })).toBe(71);
  });

  it('agrees with integer arithmetic in millionths, for any modifiers', () => {
    const micros = fc.integer({ min: 0, max: 100_000_000 });
    const factor = fc.integer({ min: 1, max: 10_000_000 });
    const text = (value: number): string => `${Math.floor(value / 1_000_000)}.${String(value % 1_000_000).padStart(6, '0')}`;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000_000 }),
        micros,
        micros,
        micros,
        factor,
        factor,
        (base, included, rate, asked, byResolution, byType) => {
          const seconds = asked + 1;
          const modifiers: Modifiers = {
            perSecond: { includedSeconds: included / 1e6, creditsPerSecond: rate / 1e6 },
            resolution: { r: text(byResolution) },
            outputType: { image: text(byType) },
          };
          const extra = BigInt(Math.max(0, seconds - included)) * BigInt(rate);
          const exact = (BigInt(base) * 10n ** 12n + extra) * BigInt(byResolution) * BigInt(byType);
          const expected = (exact + 10n ** 24n - 1n) / 10n ** 24n;
          const credits = creditsOf(
            modelOf(),
            { credits: base, modifiers },
            { durationSeconds: seconds / 1e6, resolution: 'r', outputType: 'image' },
          );
          expect(credits).toBe(Number(expected));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('above the most that can be named is refused, never cut', () => {
    const dear: Modifiers = { perSecond: { includedSeconds: 0, creditsPerSecond: CREDITS_MAX } };
    expect(price({ durationSeconds: 2 }, dear)).toEqual(['/parameters']);
    expect(price({ resolution: 'x' }, { resolution: { x: '1.000001' } }, CREDITS_MAX)).toEqual(['/parameters']);
    expect(price({ resolution: 'x' }, { resolution: { x: '1' } }, CREDITS_MAX)).toBe(CREDITS_MAX);
  });
});

describe('what has no price', () => {
  it('is another duration without a price per second', () => {
    expect(price({ durationSeconds: 5 }, null)).toBe(70);
    expect(price({ durationSeconds: 6 }, null)).toEqual(['/parameters/durationSeconds']);
    expect(price({ durationSeconds: 6 }, { resolution: { x: '1' } })).toEqual(['/parameters/durationSeconds']);
  });

  it('is more than the longest duration, none at all, or what is no number', () => {
    for (const durationSeconds of [60.000001, 0, -1, '10', null, true, 1e-21, [5]]) {
      expect(price({ durationSeconds })).toEqual(['/parameters/durationSeconds']);
    }
    expect(price({ durationSeconds: 60 })).toBe(840);
  });

  it('is no duration that a sum of floats came to: it is taken exactly', () => {
    expect(price({ durationSeconds: 0.1 + 0.2 })).toEqual(price({ durationSeconds: 0.30000000000000004 }));
    expect(price({ durationSeconds: 1e-7 })).toBe(price({ durationSeconds: 0.0000001 }));
  });

  it('is an undeclared resolution or output type', () => {
    for (const resolution of ['8k', 'constructor', '__proto__', 'toString', 1080, null, '']) {
      expect(price({ resolution })).toEqual(['/parameters/resolution']);
    }
    expect(price({ resolution: '1080p' }, null)).toEqual(['/parameters/resolution']);
    expect(price({ outputType: 'audio' })).toEqual(['/parameters/outputType']);
    expect(price({ outputType: 'image' }, null)).toEqual(['/parameters/outputType']);
    expect(price({ outputType: 'video' }, null)).toBe(70);
  });

  it('is a model that is unknown, retired or not priced yet', () => {
    const code = (model: Parameters<typeof priceRequest>[0]): unknown => {
      const priced = priceRequest(model, 'test', undefined, NOON, SIMULATOR);
      return isRefusal(priced) ? priced.code : null;
    };
    expect(code(null)).toBe('unknown_model');
    expect(code(modelOf({ retiredAt: NOON - 1 }))).toBe('unknown_model');
    expect(code(modelOf({ prices: [] }))).toBe('unknown_model');
    expect(code(modelOf({ price: { effectiveAt: NOON + 1 } }))).toBe('unknown_model');
  });
});

describe('parameters', () => {
  it('that nobody declares are refused by name', () => {
    expect(price({ cfg: 7 })).toEqual(['/parameters/cfg']);
    expect(price({ 'a/b~c': 7 })).toEqual(['/parameters/a~1b~0c']);
    expect(price({ cfg: 7, simulate: 'x', resolution: '8k' })).toEqual([
      '/parameters/cfg',
      '/parameters/simulate',
      '/parameters/resolution',
    ]);
  });

  it('of a provider are taken by its models only', () => {
    expect(price({ simulate: { outcome: 'fail' } })).toBe(70);
    const elsewhere = priceRequest(modelOf({ provider: 'vendor' }), 'test', { simulate: {} }, NOON, {
      ...SIMULATOR,
      capabilities: { parameters: [] },
    });
    expect(isRefusal(elsewhere)).toBe(true);
    expect(isRefusal(priceRequest(modelOf({ provider: 'gone' }), 'test', { simulate: {} }, NOON, null))).toBe(true);
    expect(isRefusal(priceRequest(modelOf({ provider: 'gone' }), 'test', {}, NOON, null))).toBe(false);
  });

  it('seed and deadline have their ranges', () => {
    for (const deadlineMs of [100, 86_400_000]) expect(price({ deadlineMs })).toBe(70);
    for (const deadlineMs of [99, 86_400_001, 100.5, '100', null]) expect(price({ deadlineMs })).toEqual(['/parameters/deadlineMs']);
    for (const seed of [0, 42, Number.MAX_SAFE_INTEGER]) expect(price({ seed })).toBe(70);
    for (const seed of [-1, 1.5, 2 ** 53, '1', null]) expect(price({ seed })).toEqual(['/parameters/seed']);
    expect(deadlineMsOf({})).toBe(600_000);
    expect(deadlineMsOf({ deadlineMs: 250 })).toBe(250);
  });

  it('are kept with every fraction as a decimal string, at any depth', () => {
    const parameters = {
      durationSeconds: 7.5,
      seed: 3,
      simulate: { deliveredFraction: 0.5, offset: -0.25, list: [0.1, 1], note: 'x', none: null },
    };
    const priced = priceRequest(modelOf({ price: { modifiers: PRICED } }), 'test', parameters, NOON, SIMULATOR);
    expect(priced).toMatchObject({
      priceVersion: 'test@1',
      parameters: {
        durationSeconds: '7.5',
        seed: 3,
        simulate: { deliveredFraction: '0.5', offset: '-0.25', list: ['0.1', 1], note: 'x', none: null },
      },
    });
  });

  it('that cannot be kept exactly are refused', () => {
    expect(price({ simulate: { afterMs: 1e300 } })).toEqual(['/parameters/simulate/afterMs']);
    expect(price({ simulate: { list: [1e-21] } })).toEqual(['/parameters/simulate/list/0']);
  });
});

describe('the price in effect', () => {
  const version = (n: number, effectiveAt: number): ReturnType<typeof modelOf>['prices'][number] => ({
    priceVersion: `test@${n}`,
    credits: n,
    modifiers: null,
    effectiveAt,
    reason: '',
    position: String(n),
  });

  it('is the one that took effect last, and of two at one instant the later decision', () => {
    const prices = [version(1, NOON), version(2, NOON + 100), version(3, NOON + 50), version(4, NOON + 100)];
    const at = (instant: number): string | undefined => priceInEffect(prices, instant)?.priceVersion;
    expect([at(NOON - 1), at(NOON), at(NOON + 49), at(NOON + 50), at(NOON + 99), at(NOON + 100)]).toEqual([
      undefined,
      'test@1',
      'test@1',
      'test@3',
      'test@3',
      'test@4',
    ]);
  });
});
