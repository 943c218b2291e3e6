// What a whole number of credits is; called by deciders at write and by folds at read.
import { invariant } from './invariant.js';

/** Credits: a whole number within ±2^53, never a float. */
export type Credits = number;

/** The most credits that one request may name: a million million leaves room to add a thousand of them exactly. */
export const CREDITS_MAX = 1_000_000_000_000;

export function assertCredits(value: number, what: string): void {
  invariant(Number.isSafeInteger(value) && value >= 0, () => `${what} is not a whole number of credits: ${value}`);
}

/** ⌊a × b ÷ c⌋ in integers of any size: products of credits and money pass 2^53. All arguments are non-negative safe integers. */
export function mulDivFloor(a: number, b: number, c: number): number {
  invariant(c > 0, () => `division by ${c}`);
  const product = a * b;
  if (Number.isSafeInteger(product)) return (product - (product % c)) / c;
  return Number((BigInt(a) * BigInt(b)) / BigInt(c));
}
