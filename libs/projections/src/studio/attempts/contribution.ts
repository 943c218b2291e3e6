// 4 project · what one attempt adds to its cells; kept with its row, and counted by cells.ts.

/** One attempt in its cells. Never changed once it is made. */
export interface Contribution {
  accountId: string;
  briefId: string;
  model: string;
  promptVersion: string;
  day: string;
  /** Its Monday. */
  week: string;
  state: string;
  reasons: string;
  /** Exact decimal strings: review, brand review and editing minutes, credits, unpriced credits. */
  sums: readonly [string, string, string, string, string];
  /** Source, currency, minor units. */
  money: ReadonlyArray<readonly [source: 'ledger' | 'provider', currency: string, amount: string]>;
}
