// Shows that decimals are exact where floats are not, and that a bad text is refused rather than guessed.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addDecimals,
  ceilDecimal,
  compareDecimals,
  decimal,
  decimalOf,
  floorDecimal,
  floorOfFraction,
  formatDecimal,
  multiplyDecimals,
  parseDecimal,
  parseFraction,
  shortestDecimal,
  subtractDecimals,
  type Decimal,
} from './decimal.js';

const of = (text: string): Decimal => {
  const parsed = parseDecimal(text);
  if (parsed === null) throw new Error(`not a decimal: ${text}`);
  return parsed;
};
const micros = fc.integer({ min: 0, max: 1_000_000_000 }).map((digits): Decimal => ({ digits: BigInt(digits), scale: 6 }));

describe('decimals', () => {
  it('computes what floats get wrong', () => {
    expect(formatDecimal(addDecimals(of('0.1'), of('0.2')))).toBe('0.3');
    expect(formatDecimal(multiplyDecimals(of('1.1'), of('1.1')))).toBe('1.21');
    expect(ceilDecimal(multiplyDecimals(decimal(100), of('1.1')))).toBe(110n);
    expect(Math.ceil(100 * 1.1)).toBe(111);
  });

  it('rounds up and down to whole numbers, and leaves whole numbers alone', () => {
    expect([floorDecimal(of('1.5')), ceilDecimal(of('1.5'))]).toEqual([1n, 2n]);
    expect([floorDecimal(of('2.000')), ceilDecimal(of('2.000'))]).toEqual([2n, 2n]);
    expect([floorDecimal(of('0.000001')), ceilDecimal(of('0.000001'))]).toEqual([0n, 1n]);
    expect([floorDecimal(of('0')), ceilDecimal(of('0'))]).toEqual([0n, 0n]);
  });

  it.each([
    '',
    '.',
    '.5',
    '5.',
    '-1',
    '+1',
    '1e3',
    'NaN',
    'Infinity',
    '0x10',
    '1,5',
    ' 1',
    '1 ',
    '1\n',
    '0.123456789012345678901',
    '1234567890123456',
    '١',
  ])('refuses %j', (text) => {
    expect(parseDecimal(text)).toBeNull();
  });

  it('counts digits without the zeros that carry no value', () => {
    expect(formatDecimal(of('0001.5000000000'))).toBe('1.5');
    expect(parseDecimal('1.25', { integerDigitsMax: 1, fractionDigitsMax: 1 })).toBeNull();
  });

  it('writes the shortest plain form of a number, exponents unfolded', () => {
    expect(shortestDecimal(0.1)).toBe('0.1');
    expect(shortestDecimal(1.5e-7)).toBe('0.00000015');
    expect(shortestDecimal(0.000001)).toBe('0.000001');
    expect(shortestDecimal(1e21)).toBe('1000000000000000000000');
    expect(shortestDecimal(1.25e21)).toBe('1250000000000000000000');
    expect(shortestDecimal(-0)).toBe('0');
    expect(shortestDecimal(-0.5)).toBeNull();
    expect(shortestDecimal(Number.NaN)).toBeNull();
    expect(decimalOf(1e-21)).toBeNull();
    expect(formatDecimal(decimalOf(2.5) as Decimal)).toBe('2.5');
  });

  it('keeps the shortest form of any finite number exact', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = shortestDecimal(value) as string;
        expect(text).toMatch(/^\d+(\.\d+)?$/);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('agrees with integers of a millionth, whatever the scales', () => {
    fc.assert(
      fc.property(micros, micros, (a, b) => {
        const [x, y] = [of(formatDecimal(a)), of(formatDecimal(b))];
        expect(compareDecimals(x, y)).toBe(a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0);
        expect(compareDecimals(addDecimals(x, y), { digits: a.digits + b.digits, scale: 6 })).toBe(0);
        expect(compareDecimals(multiplyDecimals(x, y), { digits: a.digits * b.digits, scale: 12 })).toBe(0);
        const less = a.digits > b.digits ? a.digits - b.digits : 0n;
        expect(compareDecimals(subtractDecimals(x, y), { digits: less, scale: 6 })).toBe(0);
        expect(floorDecimal(x)).toBe(a.digits / 1_000_000n);
      }),
    );
  });
});

describe('fractions', () => {
  it('are 0 to 1 with at most six decimals', () => {
    for (const text of ['0', '1', '0.5', '1.0', '0.999999']) expect(parseFraction(text)).not.toBeNull();
    for (const text of ['1.000001', '2', '-0', '0.1234567', 'half']) expect(parseFraction(text)).toBeNull();
  });

  it('of a whole are rounded down', () => {
    expect(floorOfFraction(70, of('0.5'))).toBe(35);
    expect(floorOfFraction(70, of('0.999999'))).toBe(69);
    expect(floorOfFraction(3, of('0.333333'))).toBe(0);
    expect(floorOfFraction(1_000_000_000_000, of('1'))).toBe(1_000_000_000_000);
    expect(floorOfFraction(9_007_199_254_740_991, of('0.999999'))).toBe(9_007_190_247_541_736);
  });
});
