// What a command knows of the request behind it; made at the edge, read by every handler.
import type { JsonObject, Refusal } from '#libs/kernel';
import type { Position } from './event-store.port.js';

export interface RequestContext {
  tenant: string;
  /** The API key's id. */
  actor: string;
  /** The request's id: also its Request-Id header. */
  correlationId: string;
  causationId: string | null;
  /** Upper case, with the path as requested (no query) and the body as parsed: what `requestHash` is taken over. */
  method: string;
  path: string;
  body: JsonObject;
  idempotencyKey: string | null;
  /**
   * Set where the command was sent from one process to another: its `first` try, or decided `again` because the outcome of the first is not known.
   * Then whatever is answered has to stand under the key, so that the first one cannot come to another end later.
   */
  forwarded?: 'first' | 'again';
  /** Accounts that the key may touch; null means all of the tenant's. Anything else is `not_found`. */
  accounts: readonly string[] | null;
}

/** What a write handler answers; the edge turns a refusal into problem+json. */
export type WriteResult<View> =
  | { ok: true; view: View; position: Position; replayed: boolean }
  | (Refusal & { ok: false; /** Set when the refusal was recorded as a fact. */ position?: Position; replayed?: boolean });
