// query · how sure a usable rate is: Wilson's score interval (JASA 22, 1927), and how many generations would settle it against a quality bar.
import { add, compare, floor, multiply, rational, rateText, subtract, type Rational } from './rational.js';

/** The normal distribution's 97.5 % quantile: 95 % lie between ± this. */
const Z = rational(1_959_963_984_540_054n, 10n ** 15n);
const Z2 = multiply(Z, Z);
/** Digits of the square root behind the point: far more than are shown. */
const ROOT_SCALE = 10n ** 40n;

export interface RateInterval {
  low: string;
  high: string;
  confidence: '0.95';
}

/** Of `successes` among `trials`, which are at least one. Of none the lower end is exactly 0, of all the upper end exactly 1. */
export function wilsonInterval(successes: number, trials: number): RateInterval {
  const [k, n] = [rational(successes), rational(trials)];
  // (2k + z² ∓ z √(z² + 4k(n − k)/n)) / (2n + 2z²)
  const spread = multiply(Z, root(add(Z2, multiply(rational(4n, BigInt(trials)), multiply(k, subtract(n, k))))));
  const centre = add(k, k, Z2);
  const whole = add(n, n, Z2, Z2);
  const over = ({ n: a, d }: Rational): string => rateText({ n: a * whole.d, d: d * whole.n });
  return { low: over(subtract(centre, spread)), high: over(add(centre, spread)), confidence: '0.95' };
}

/**
 * The smallest n above 0 such that, at today's rate, the interval of `trials + n` lies wholly on one side of the bar; 0 where it does
 * already; null where there are no trials, the rate is the bar itself, or so near to it that no count in a number's reach would do.
 * The bar lies outside the interval exactly where |p − b| > z √(b(1 − b)/m), which is the test that Wilson's interval inverts.
 */
export function generationsUntilFirm(successes: number, trials: number, bar: Rational): number | null {
  if (trials === 0) return null;
  const distance = subtract(rational(successes, trials), bar);
  if (distance.n === 0n) return null;
  const needed = multiply(multiply(Z2, multiply(bar, subtract(rational(1), bar))), inverse(multiply(distance, distance)));
  if (compare(rational(trials), needed) > 0) return 0;
  const more = floor(needed) + 1n - BigInt(trials);
  return more > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(more);
}

function inverse({ n, d }: Rational): Rational {
  return { n: d, d: n };
}

/** Of something that is not negative, down to the last digit of ROOT_SCALE. */
function root({ n, d }: Rational): Rational {
  return { n: integerRoot((n * ROOT_SCALE * ROOT_SCALE) / d), d: ROOT_SCALE };
}

/** ⌊√value⌋, by Newton's method from above. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}
