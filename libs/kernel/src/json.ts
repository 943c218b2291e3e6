// The shapes that facts and answers are made of; used by every lib that stores or sends data.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/** RFC 3339 UTC with milliseconds: `2026-11-21T20:28:26.123Z`. */
export type Iso = string;

/** Stands in a fact's data for a text that can be erased: base64url SHA-256(salt ‖ JCS bytes of the value). */
export type ErasableRef = { $erasable: string };
