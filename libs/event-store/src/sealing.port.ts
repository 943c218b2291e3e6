// Erasable text: what a person may ask us to forget is hashed with a salt into the fact and kept beside it, encrypted under a key per customer.
import type { ErasableRef, JsonValue } from '#libs/kernel';

export interface Sealed {
  /** Field name → what stands in `data`. */
  refs: Record<string, ErasableRef>;
  /** For {@link NewFact.sealed}: salts and values together, AES-256-GCM under the customer's key. */
  sealed: string;
}

/** Opens and closes the texts of one customer; the key was looked up before, so both are synchronous. */
export interface TextSealer {
  /** Values that are null or undefined are left out. Answers null when nothing is left. */
  seal(values: Record<string, JsonValue | undefined>): Sealed | null;
  /** Field name → value; null for a field that cannot be opened. */
  open(sealed: string): Record<string, JsonValue>;
  /** The digest that a value would have under the salt stored for the field: how a replayed request is compared. */
  digestAgain(sealed: string, field: string, value: JsonValue): string | null;
}

/** One key per account, and one per tenant for what belongs to no account; kept in PostgreSQL, never in the log. */
export interface CustomerKeys {
  /**
   * Creates the key when there is none yet. For an account that was forgotten the sealer still makes digests, but under a key that nobody
   * keeps: what it seals can never be opened.
   */
  sealerFor(tenant: string, accountId: string): Promise<TextSealer>;
  /** Null when the key was erased or never made. */
  openerFor(tenant: string, accountId: string): Promise<TextSealer | null>;
  openersFor(tenant: string, accountIds: readonly string[]): Promise<Map<string, TextSealer | null>>;
}
