// 2 decide · what a quote says: the price, whether the task would be accepted, and which credits it would take; called by the quote handler.
import { toIso, type InstantMs, type JsonObject } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { ReservePreview } from '#libs/ledger';
import type { Priced } from './catalogue.port.js';
import { QUOTE_LIFE_MS, type StoredQuote } from './quote.port.js';

export interface QuoteRequest {
  id: string;
  tenant: string;
  accountId: string;
  quantity: number;
  requestHash: string | null;
}

/** `preview` is the gate's own answer for all of the quantity, so the denial is the one that the task would meet. */
export function quoteOf(request: QuoteRequest, priced: Priced, preview: ReservePreview, at: InstantMs, position: Position): StoredQuote {
  const { id, tenant, accountId, quantity, requestHash } = request;
  const { model, credits: unitCredits, priceVersion, parameters } = priced;
  const { denial, drawdown } = preview;
  const expiresAt = at + QUOTE_LIFE_MS;
  return {
    id,
    tenant,
    accountId,
    model: model.id,
    parameters: parameters satisfies JsonObject,
    quantity,
    unitCredits,
    priceVersion,
    createdAt: at,
    expiresAt,
    requestHash,
    view: {
      id,
      accountId,
      model: model.id,
      quantity,
      credits: unitCredits * quantity,
      unitCredits,
      priceVersion,
      expiresAt: toIso(expiresAt),
      allowed: denial === null,
      denial: denial === null ? null : { code: denial.code, detail: denial.detail },
      accountPlan: preview.plan,
      requiredPlan: model.minimumPlan,
      available: preview.available,
      shortfall: preview.shortfall,
      drawdown: drawdown.map(({ bucket, grantId, credits, expiresAt: lapsesAt }) => ({ bucket, grantId, credits, expiresAt: lapsesAt })),
      position,
    },
  };
}
