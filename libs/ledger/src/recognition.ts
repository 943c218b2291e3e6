// 2 decide · how much of a grant's money has been recognised; called by releases to lapsed grants, views and, later, the journal.
import { invariant, mulDivFloor, type Credits, type Money } from '#libs/kernel';

/**
 * f(x) = ⌊B·x/N⌋ (finance.md, Recognition): the money that has left deferred revenue once x of a grant's N credits are gone for good.
 * Cumulative, so the parts of a used-up grant add up to its cost basis to the last minor unit, in any order of use.
 */
export function recognisedMinor(costBasis: Money, gone: Credits, size: Credits): number {
  invariant(gone >= 0 && gone <= size, () => `${gone} gone of a grant of ${size}`);
  return mulDivFloor(costBasis.amountMinor, gone, size);
}

/** What a movement from `from` to `to` credits gone carries with it: f(to) − f(from). Null where there is none: 0 is the same as none. */
export function movedBasis(costBasis: Money | null, from: Credits, to: Credits, size: Credits): Money | null {
  if (costBasis === null) return null;
  const amountMinor = recognisedMinor(costBasis, to, size) - recognisedMinor(costBasis, from, size);
  return amountMinor === 0 ? null : { currency: costBasis.currency, amountMinor };
}
