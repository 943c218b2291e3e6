// Money as the books keep it: integer minor units of one currency; there is no conversion anywhere.

/** `amountMinor` counts minor units as ISO 4217 defines them (USD 2 decimals, JPY 0, KWD 3). */
export interface Money {
  currency: string;
  amountMinor: number;
}

/** Adds into a per-currency sum, in place. */
export function addMoney(sum: Map<string, number>, money: Money): void {
  sum.set(money.currency, (sum.get(money.currency) ?? 0) + money.amountMinor);
}

/** One entry per currency, in code order, as every money figure of the API is shown. */
export function moneyList(sum: Map<string, number>): Money[] {
  return [...sum].map(([currency, amountMinor]) => ({ currency, amountMinor })).sort((a, b) => (a.currency < b.currency ? -1 : 1));
}
