// Quotes as rows of PostgreSQL: kept by the quote handler, read by submissions, deleted a day after they expired.
import type pg from 'pg';
import { invariant, type JsonObject } from '#libs/kernel';
import type { QuoteView } from './catalogue.view.js';
import type { QuoteStore, StoredQuote } from './quote.port.js';

/** How many expired rows one new quote takes away with it: more than it adds, so the table is bounded by a day's quotes. */
const PRUNED_PER_INSERT = 20;
const KEPT_AFTER_EXPIRY_MS = 86_400_000;
const COLUMNS =
  'id, tenant, account_id, model, parameters, quantity, unit_credits, price_version, created_at_ms, expires_at_ms, request_hash, view';

interface QuoteRow {
  id: string;
  tenant: string;
  account_id: string;
  model: string;
  parameters: string;
  quantity: number;
  unit_credits: string;
  price_version: string;
  created_at_ms: string;
  expires_at_ms: string;
  request_hash: string | null;
  view: string;
}

export class PostgresQuoteStore implements QuoteStore {
  constructor(private readonly pool: pg.Pool) {}

  async keep(quote: StoredQuote): Promise<StoredQuote> {
    const inserted = await this.pool.query({
      name: 'quote-keep',
      text: `WITH pruned AS (
               DELETE FROM quotes WHERE id IN (
                 SELECT id FROM quotes WHERE request_hash IS NULL AND expires_at_ms < $13 ORDER BY expires_at_ms LIMIT ${PRUNED_PER_INSERT}
                 FOR UPDATE SKIP LOCKED)
             )
             INSERT INTO quotes (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
      values: [
        quote.id,
        quote.tenant,
        quote.accountId,
        quote.model,
        JSON.stringify(quote.parameters),
        quote.quantity,
        quote.unitCredits,
        quote.priceVersion,
        quote.createdAt,
        quote.expiresAt,
        quote.requestHash,
        JSON.stringify(quote.view),
        quote.createdAt - KEPT_AFTER_EXPIRY_MS,
      ],
    });
    if (inserted.rowCount === 1) return quote;
    const standing = await this.find(quote.tenant, quote.id);
    invariant(standing !== null, `quote ${quote.id} is neither new nor known`);
    return standing;
  }

  async find(tenant: string, id: string): Promise<StoredQuote | null> {
    const { rows } = await this.pool.query<QuoteRow>({
      name: 'quote-find',
      text: `SELECT ${COLUMNS} FROM quotes WHERE id = $1 AND tenant = $2`,
      values: [id, tenant],
    });
    const row = rows[0];
    return row === undefined ? null : toQuote(row);
  }
}

function toQuote(row: QuoteRow): StoredQuote {
  return {
    id: row.id,
    tenant: row.tenant,
    accountId: row.account_id,
    model: row.model,
    parameters: JSON.parse(row.parameters) as JsonObject,
    quantity: row.quantity,
    unitCredits: Number(row.unit_credits),
    priceVersion: row.price_version,
    createdAt: Number(row.created_at_ms),
    expiresAt: Number(row.expires_at_ms),
    requestHash: row.request_hash,
    view: JSON.parse(row.view) as QuoteView,
  };
}
