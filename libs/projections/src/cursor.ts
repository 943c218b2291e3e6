// query · where a list's next page begins: the key of the last row shown, so that a page is stable under writes; used by every list.
import { InvalidCursor } from './read-models.port.js';

/** Opaque to clients: base64url of the list's name and its key. */
export function encodeCursor(list: string, key: ReadonlyArray<string | number>): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

/** `shape` tells what each part of the key is. Throws {@link InvalidCursor} for what no page of this list has given out. */
export function decodeCursor(list: string, cursor: string, shape: ReadonlyArray<'string' | 'integer'>): Array<string | number> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new InvalidCursor('the cursor cannot be read');
  }
  if (!Array.isArray(parsed) || parsed[0] !== list || parsed.length !== shape.length + 1)
    throw new InvalidCursor('the cursor is of another list');
  const key = parsed.slice(1) as unknown[];
  for (const [index, kind] of shape.entries()) {
    const part = key[index];
    const fits = kind === 'string' ? typeof part === 'string' && part.length <= 300 && !part.includes('\0') : isInstantOrOrdinal(part);
    if (!fits) throw new InvalidCursor('the cursor cannot be read');
  }
  return key as Array<string | number>;
}

/** 9999-12-31T23:59:59.999Z: whatever a cursor claims, PostgreSQL can read it as an instant. */
const INSTANT_MAX = 253_402_300_799_999;

function isInstantOrOrdinal(part: unknown): boolean {
  return typeof part === 'number' && Number.isSafeInteger(part) && part >= 0 && part <= INSTANT_MAX;
}
