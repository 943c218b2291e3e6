// 1 → 2 · reads an instant that a request names; called by the account handlers.
import { DateTime } from 'luxon';
import type { InstantMs } from '#libs/kernel';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const FIRST = Date.parse('0001-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339, to the millisecond; null for anything else, days that no month has included. */
export function parseInstant(text: string): InstantMs | null {
  if (!RFC_3339.test(text)) return null;
  const instant = DateTime.fromISO(text.toUpperCase()).toMillis();
  return instant >= FIRST && instant <= LAST ? instant : null;
}
