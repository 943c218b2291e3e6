// 2 decide · which currencies there are; called where a cost basis or a cost is taken in.
import { codes } from 'currency-codes';

/** Codes of ISO 4217 that have no minor unit (metals, funds, testing, none): nothing can be owed in them. */
const WITHOUT_MINOR_UNIT = new Set(['XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XDR', 'XPD', 'XPT', 'XSU', 'XTS', 'XUA', 'XXX']);

const ACTIVE = new Set(codes().filter((code) => !WITHOUT_MINOR_UNIT.has(code)));

/** An active ISO 4217 code in capitals. */
export function isCurrency(code: string): boolean {
  return ACTIVE.has(code);
}
