// Where quotes are kept: rows of their own, for a quote is a promise for fifteen minutes and no fact of the account. Read by submissions.
import type { Credits, InstantMs, JsonObject } from '#libs/kernel';
import type { QuoteView } from './catalogue.view.js';

export const QUOTE_LIFE_MS = 15 * 60_000;
export const QUOTE_QUANTITY_MAX = 1_000;

export interface StoredQuote {
  id: string;
  tenant: string;
  accountId: string;
  model: string;
  /** As facts keep them: fractions as decimal strings. */
  parameters: JsonObject;
  quantity: number;
  /** Of one generation: what a task submitted against it is charged, whatever the price is by then. */
  unitCredits: Credits;
  priceVersion: string;
  createdAt: InstantMs;
  expiresAt: InstantMs;
  /** Of the keyed request that made it; null for a keyless one. */
  requestHash: string | null;
  /** The answer as it was given. */
  view: QuoteView;
}

export interface QuoteStore {
  /** Keeps it unless one of this id stands there, and answers the one that stands: the same keyed request makes the same id. */
  keep(quote: StoredQuote): Promise<StoredQuote>;
  /** Null for an unknown quote, and for another tenant's. An expired one is found for a day at least. */
  find(tenant: string, id: string): Promise<StoredQuote | null>;
}
