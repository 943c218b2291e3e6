// 1 HTTP in · which texts name an instant: RFC 3339 with an offset, on a day that exists; called by the rules.

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Milliseconds since the epoch, or null when the text is no instant between the years 1970 and 9998. */
export function parseInstant(text: unknown): number | null {
  if (typeof text !== 'string' || text.length > 40) return null;
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match.map(Number) as [number, number, number, number, number, number, number];
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return null;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? null : instant;
}

/** As {@link parseInstant}, and a `YYYY-MM-DD` means its UTC midnight. */
export function parseInstantOrDay(text: unknown): number | null {
  if (typeof text !== 'string') return null;
  const match = DAY.exec(text);
  if (match === null) return parseInstant(text);
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  return isDay(year, month, day) ? Date.parse(text) : null;
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1970 || year > 9998 || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
