// How the CLI shows things to people: plain lines and aligned columns.

/** Columns of cells; numbers stand to the right, and so do the columns named in `right` (from 0): money, rates. */
export function columns(head: string[], rows: Array<Array<string | number>>, right: readonly number[] = []): string {
  const texts = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)));
  const isNumber = head.map(
    (_, column) => right.includes(column) || (rows.length > 0 && rows.every((row) => typeof row[column] === 'number')),
  );
  return texts
    .map((row) =>
      row
        .map((cell, column) => (isNumber[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function fields(pairs: Record<string, string | number | null | undefined>): string {
  const shown = Object.entries(pairs).filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`).join('\n');
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
