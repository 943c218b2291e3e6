// 2 decide · what part of a quoted generation was delivered, exactly; called when a reservation is consumed.
import { mulDivFloor, type Credits } from '#libs/kernel';

/** At most six decimals; above 1 only for an over-consumption that its policy decides over. */
const FRACTION = /^(0|[1-9]\d{0,2})(?:\.(\d{1,6}))?$/;
const SCALE = 1_000_000;

/** Millionths; null for what is no such fraction: unknown usage is not zero. */
export function parseFraction(text: string): number | null {
  const match = FRACTION.exec(text);
  return match === null ? null : Number(match[1]) * SCALE + Number((match[2] ?? '').padEnd(6, '0'));
}

/** ⌊credits × fraction⌋: partial delivery rounds down, in the customer's favour. */
export function creditsOfFraction(credits: Credits, millionths: number): Credits {
  return mulDivFloor(credits, millionths, SCALE);
}
