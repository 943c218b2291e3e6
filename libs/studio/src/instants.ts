// 1 → 2 · reads an instant that a request names; called by the deciders of the studio.
import type { InstantMs } from '#libs/kernel';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** RFC 3339, to the millisecond; null for anything else, days that no month has included. */
export function instantOf(text: string): InstantMs | null {
  const upper = text.toUpperCase();
  const day = RFC_3339.exec(upper)?.[1];
  if (day === undefined || day.startsWith('0000')) return null;
  const instant = Date.parse(upper);
  // Date takes 30 February for 2 March.
  const midnight = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(instant) || Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day ? null : instant;
}
