// Finance · how an amount is written in major units, exactly; used by exports and bills. No float comes near it.
import { code as findCurrency } from 'currency-codes';
import { CREDIT } from './chart.js';

const known = new Map<string, number>([[CREDIT, 0]]);

/** Decimals of a commodity as ISO 4217 says them: USD 2, JPY 0, KWD 3; credits have none. */
export function decimalsOf(commodity: string): number {
  let digits = known.get(commodity);
  if (digits === undefined) known.set(commodity, (digits = findCurrency(commodity)?.digits ?? 0));
  return digits;
}

/** `-999` USD → `-9.99`; all decimals, no thousands mark. */
export function majorUnits(amount: number | bigint, commodity: string): string {
  const decimals = decimalsOf(commodity);
  const text = String(amount);
  if (decimals === 0) return text;
  const sign = text.startsWith('-') ? '-' : '';
  const digits = text.slice(sign.length).padStart(decimals + 1, '0');
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
