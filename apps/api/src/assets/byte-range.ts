// 1 HTTP in · decides which bytes of an asset a request asks for (RFC 9110, 14): one range, or all of it.
import type { ByteRange } from '#libs/assets';

const RANGE = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i;

/** Null: all of it, also for what is no range or more than one, as a server may. `unsatisfiable`: nothing of it is there. */
export function rangeOf(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  const match = header === undefined ? null : RANGE.exec(header);
  if (match === null) return null;
  const [, from = '', to = ''] = match;
  if (from === '') {
    if (to === '') return null;
    const last = Number(to);
    return last === 0 ? 'unsatisfiable' : { first: Math.max(0, bytes - last), last: bytes - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return null;
  return first >= bytes ? 'unsatisfiable' : { first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}

/** Whether `If-None-Match` names what there is. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
