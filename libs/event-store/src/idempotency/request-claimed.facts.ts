// 3 append · the fact on `request-<tenant>.<command id>` that holds a key where the command's own facts cannot.
import type { Fact, JsonObject } from '#libs/kernel';
import type { NewFact } from '../event-store.port.js';

export type RequestClaimed = Fact<
  'RequestClaimed',
  {
    path: string;
    /** The same as the fact's own: RFC 8785 hash of the request. */
    requestHash: string;
    /** Where the answer is read from: a command that changed nothing. */
    targetStream: string | null;
    targetRevision: number | null;
    /** How many entries a batch had; null for anything else. */
    entries: number | null;
  }
>;

export const REQUEST_FACT_VERSIONS = { RequestClaimed: 1 } as const;

export function requestClaimed(data: {
  path: string;
  requestHash: string;
  targetStream?: string;
  targetRevision?: number;
  entries?: number;
}): NewFact {
  const { path, requestHash, targetStream = null, targetRevision = null, entries = null } = data;
  const stored: JsonObject = { path, requestHash, targetStream, targetRevision, entries };
  return { type: 'RequestClaimed', schemaVersion: REQUEST_FACT_VERSIONS.RequestClaimed, data: stored };
}
