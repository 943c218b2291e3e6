// Every CSV of the product: RFC 4180 with CRLF, and nothing in it that a spreadsheet would run; used by exports and statements.

const RUNS_IN_SPREADSHEETS = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]/;

/** Texts are guarded with a leading `'` where a spreadsheet would take them for a formula; numbers, and null as nothing, stand as they are. */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const guarded = RUNS_IN_SPREADSHEETS.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

export function csvLine(cells: ReadonlyArray<string | number | null>): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}
