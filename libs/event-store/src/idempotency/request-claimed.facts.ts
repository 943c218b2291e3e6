// 3 append · the fact on `request-<tenant>.<command id>` that holds a key where the command's own facts cannot.
import type { Fact, JsonObject } from '#libs/kernel';
import type { NewFact } from '../event-store.port.js';

export type RequestClaimed = Fact<
  'RequestClaimed',
  {
    path: string;
    /** The same as the fact's own `requestHash`. */
    requestHash: string;
    /** Where the answer is read from: a command that changed nothing. */
    targetStream: string | null;
    targetRevision: number | null;
    /** What that answer said. */
    targetPosition: string | null;
    /** How many entries a batch had; null for anything else. */
    entries: number | null;
    /** The command was refused when it was decided again, its first outcome being unknown: so it stays. Absent in any other case. */
    refusal?: { code: string; detail: string; fields: JsonObject | null };
  }
>;

export const REQUEST_FACT_VERSIONS = { RequestClaimed: 1 } as const;

export interface RequestClaim {
  path: string;
  requestHash: string;
  targetStream?: string;
  targetRevision?: number;
  targetPosition?: string;
  entries?: number;
  refusal?: RequestClaimed['data']['refusal'];
}

export function requestClaimed({ path, requestHash, ...rest }: RequestClaim): NewFact {
  const { targetStream = null, targetRevision = null, targetPosition = null, entries = null, refusal } = rest;
  const data: JsonObject = { path, requestHash, targetStream, targetRevision, targetPosition, entries, ...(refusal && { refusal }) };
  return { type: 'RequestClaimed', schemaVersion: REQUEST_FACT_VERSIONS.RequestClaimed, data };
}
