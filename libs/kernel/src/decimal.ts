// Exact decimals for prices and fractions; called wherever a factor meets credits, because a float would round the customer's money.

/** digits × 10^-scale, never negative. Two decimals of the same value may differ in scale; {@link formatDecimal} gives the one shortest form. */
export interface Decimal {
  digits: bigint;
  scale: number;
}

export interface DecimalLimits {
  /** Digits before the point, leading zeros not counted. */
  integerDigitsMax: number;
  /** Digits after the point, trailing zeros not counted. */
  fractionDigitsMax: number;
}

/** What a request may name: as many whole digits as credits have, and every decimal that a sensible JSON number shows in its shortest form. */
export const DECIMAL_LIMITS: DecimalLimits = { integerDigitsMax: 15, fractionDigitsMax: 20 };

const PLAIN_DECIMAL = /^(\d{1,64})(?:\.(\d{1,64}))?$/;

/** Parses `12`, `0.5`, `1.500`; null for a sign, an exponent, an empty part or more digits than the limits allow. */
export function parseDecimal(text: string, limits: DecimalLimits = DECIMAL_LIMITS): Decimal | null {
  const match = PLAIN_DECIMAL.exec(text);
  if (match === null) return null;
  const whole = (match[1] as string).replace(/^0+(?=\d)/, '');
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (whole.length > limits.integerDigitsMax || fraction.length > limits.fractionDigitsMax) return null;
  return { digits: BigInt(whole + fraction), scale: fraction.length };
}

/** The plain form of a JSON number in its shortest digits: 0.1 → `0.1`, 1e-6 → `0.000001`; null for a negative or non-finite one. */
export function shortestDecimal(value: number): string | null {
  if (!Number.isFinite(value) || value < 0) return null;
  const text = String(value === 0 ? 0 : value);
  const match = /^(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, whole = '', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  // String() writes an exponent only from 1e21 up and below 1e-6, so the point always leaves the digits on one side.
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${whole}${fraction}`;
  return whole + fraction.padEnd(exponent, '0');
}

/** A JSON number as an exact decimal, or null where {@link parseDecimal} would refuse its shortest form. */
export function decimalOf(value: number, limits: DecimalLimits = DECIMAL_LIMITS): Decimal | null {
  const text = shortestDecimal(value);
  return text === null ? null : parseDecimal(text, limits);
}

export function decimal(whole: number | bigint): Decimal {
  return { digits: BigInt(whole), scale: 0 };
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: digitsAt(a, scale) + digitsAt(b, scale), scale };
}

/** max(0, a − b): decimals here are never negative. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  const difference = digitsAt(a, scale) - digitsAt(b, scale);
  return { digits: difference > 0n ? difference : 0n, scale };
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, scale: a.scale + b.scale };
}

/** Negative, zero or positive, as sort comparators are. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = digitsAt(a, scale) - digitsAt(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function floorDecimal(value: Decimal): bigint {
  return value.digits / 10n ** BigInt(value.scale);
}

export function ceilDecimal(value: Decimal): bigint {
  const unit = 10n ** BigInt(value.scale);
  return (value.digits + unit - 1n) / unit;
}

/** The shortest form: no exponent, no trailing zeros. */
export function formatDecimal(value: Decimal): string {
  if (value.scale === 0) return value.digits.toString();
  const text = value.digits.toString().padStart(value.scale + 1, '0');
  const fraction = text.slice(-value.scale).replace(/0+$/, '');
  const whole = text.slice(0, -value.scale);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

const SHARE_LIMITS: DecimalLimits = { integerDigitsMax: 1, fractionDigitsMax: 6 };

/** Parses a share of a whole: `0` … `1` with at most six decimals; null for anything else. */
export function parseFraction(text: string): Decimal | null {
  const value = parseDecimal(text, SHARE_LIMITS);
  return value !== null && compareDecimals(value, decimal(1)) <= 0 ? value : null;
}

/** ⌊whole × fraction⌋: what a part of it comes to, rounded in the customer's favour. `whole` is a non-negative safe integer. */
export function floorOfFraction(whole: number, fraction: Decimal): number {
  return Number(floorDecimal(multiplyDecimals(decimal(whole), fraction)));
}

function digitsAt(value: Decimal, scale: number): bigint {
  return value.digits * 10n ** BigInt(scale - value.scale);
}
