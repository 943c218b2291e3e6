// Quotes in memory, for unit tests: the same promises as the rows in PostgreSQL, but for their durability.
import type { QuoteStore, StoredQuote } from './quote.port.js';

export class MemoryQuoteStore implements QuoteStore {
  private readonly quotes = new Map<string, string>();

  async keep(quote: StoredQuote): Promise<StoredQuote> {
    const standing = this.quotes.get(quote.id);
    if (standing !== undefined) return Promise.resolve(JSON.parse(standing) as StoredQuote);
    this.quotes.set(quote.id, JSON.stringify(quote));
    return Promise.resolve(quote);
  }

  async find(tenant: string, id: string): Promise<StoredQuote | null> {
    const text = this.quotes.get(id);
    const quote = text === undefined ? null : (JSON.parse(text) as StoredQuote);
    return Promise.resolve(quote?.tenant === tenant ? quote : null);
  }
}
