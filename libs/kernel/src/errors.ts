// How a lib lists its expected refusals: one catalogue per lib, mapped to HTTP only at the edge.

export interface ErrorEntry {
  /** When it arises, in one sentence; stands in docs/errors.md. */
  meaning: string;
  /** Whether the same request may succeed later without being changed. */
  retryable: boolean;
}
export type ErrorCatalogue = Readonly<Record<string, ErrorEntry>>;
