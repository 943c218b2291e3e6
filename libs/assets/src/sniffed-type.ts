// Decides what an asset is from its first bytes; what a server says of it counts only where the bytes can be any text.
import { isUtf8 } from 'node:buffer';
import { fileTypeFromBuffer } from 'file-type';
import { knownMediaType, OTHER } from './media-types.js';

/** Enough for every format that is known here, pictures in front of music included. */
export const HEAD_BYTES = 65_536;
const TEXTS = new Set(['text/plain', 'application/json']);

/** `said`: what the server and the vendor say, the better witness first. */
export async function sniffedType(head: Buffer, said: ReadonlyArray<string | null | undefined>): Promise<string> {
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  if (found !== undefined) return knownMediaType(found.mime) ?? OTHER.mediaType;
  const text = said.map((type) => (type ? knownMediaType(type) : null)).find((type) => type !== null && TEXTS.has(type));
  return text !== undefined && text !== null && isText(head) ? text : OTHER.mediaType;
}

function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  // The last character may be cut.
  return [0, 1, 2, 3].some((cut) => isUtf8(head.subarray(0, head.length < HEAD_BYTES ? head.length : head.length - cut)));
}
