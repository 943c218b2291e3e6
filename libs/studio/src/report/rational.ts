// query · exact fractions for a report: quotients are no decimals, and a figure is rounded once, when it is shown.
// Our own, of sixty lines: packages for it bring arithmetic of floats and strings along, and none rounds half up to an integer of minor units.
import { invariant } from '#libs/kernel';
import type { SignedDecimal } from './exact-sum.js';

/** n / d; d is above 0. Not reduced: the few steps of a figure leave it small. */
export interface Rational {
  n: bigint;
  d: bigint;
}

export function rational(n: number | bigint, d: number | bigint = 1n): Rational {
  invariant(d > 0, () => `a fraction over ${d}`);
  return { n: BigInt(n), d: BigInt(d) };
}

export function rationalOf({ digits, scale }: SignedDecimal): Rational {
  return { n: digits, d: 10n ** BigInt(scale) };
}

export function add(...terms: readonly Rational[]): Rational {
  return terms.reduce((sum, { n, d }) => (sum.d === d ? { n: sum.n + n, d } : { n: sum.n * d + n * sum.d, d: sum.d * d }));
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, { n: -b.n, d: b.d });
}

export function multiply(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** By something above 0. */
export function divide(a: Rational, b: Rational): Rational {
  invariant(b.n > 0n, 'a division by nothing');
  return { n: a.n * b.d, d: a.d * b.n };
}

/** Negative, zero or positive, as sort comparators are. */
export function compare(a: Rational, b: Rational): number {
  const left = a.n * b.d;
  const right = b.n * a.d;
  return left < right ? -1 : left > right ? 1 : 0;
}

export function floor({ n, d }: Rational): bigint {
  const quotient = n / d;
  return n < 0n && quotient * d !== n ? quotient - 1n : quotient;
}

/** ⌊x + 1/2⌋: of a half, the greater one. */
export function roundHalfUp({ n, d }: Rational): bigint {
  return floor({ n: 2n * n + d, d: 2n * d });
}

const RATE_DECIMALS = 6;

/** With up to 6 decimals, half up, trailing zeros dropped. Not negative. */
export function rateText(value: Rational): string {
  const digits = roundHalfUp(multiply(value, rational(10 ** RATE_DECIMALS)))
    .toString()
    .padStart(RATE_DECIMALS + 1, '0');
  const fraction = digits.slice(-RATE_DECIMALS).replace(/0+$/, '');
  return digits.slice(0, -RATE_DECIMALS) + (fraction === '' ? '' : `.${fraction}`);
}
