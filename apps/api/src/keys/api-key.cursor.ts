// query · where the next page of a list of keys begins: after the last one's creation and id.
import { invalid } from '../problems/problem.js';

interface KeyCursor {
  createdAt: string;
  id: string;
}

export function writeKeyCursor(cursor: KeyCursor): string {
  return Buffer.from(`keys:${cursor.createdAt}|${cursor.id}`).toString('base64url');
}

export function readKeyCursor(text: string): KeyCursor {
  // PostgreSQL's own writing of the instant, with microseconds: the cursor must not round it.
  const match = /^keys:(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?[+-]\d{2}(?::\d{2})?)\|(key_[A-Za-z0-9]{1,64})$/.exec(
    Buffer.from(text, 'base64url').toString('utf8'),
  );
  if (match === null || Number.isNaN(Date.parse(`${(match[1] as string).slice(0, 10)}T00:00:00Z`)))
    throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]);
  return { createdAt: match[1] as string, id: match[2] as string };
}
