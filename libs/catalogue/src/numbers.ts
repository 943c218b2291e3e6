// 2 decide · the one form in which the catalogue keeps a number that may have a fraction; called where requests become facts, and back.
import { decimalOf, formatDecimal, type Decimal } from '#libs/kernel';

/** A whole number as it is, a fraction as the decimal string of its shortest form; null where it has more digits than a price can have. */
export function toStoredNumber(value: number): number | string | null {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  const exact = decimalOf(value);
  return exact === null ? null : formatDecimal(exact);
}

/** The number that was asked for: the shortest form of a JSON number reads back as the same number. */
export function fromStoredNumber(stored: number | string): number {
  return Number(stored);
}

/** Exact; null for anything that is no number of at least 0 within the limits of decimals. */
export function exactNumber(value: unknown): Decimal | null {
  return typeof value === 'number' ? decimalOf(value) : null;
}
