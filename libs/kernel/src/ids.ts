// Where every id comes from: ids grow with time when nothing names them, and follow from the command when a key does.
import { createHash, randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let poolOffset = POOL_BYTES;
let lastMs = 0;
/** `lastMs` as the id shows it: a busy process makes many ids in one millisecond. */
let time = '';
let sequence = 0;

/**
 * 32 hex digits of a UUID version 7 (RFC 9562 §5.7, method 1: a counter in rand_a): ids made in one process sort by when they were
 * made, which keeps their index pages warm.
 */
export function newCommandId(): string {
  const now = Date.now();
  sequence += 1;
  if (now > lastMs || sequence > 0xfff) {
    lastMs = Math.max(now, lastMs + 1);
    time = lastMs.toString(16).padStart(12, '0');
    sequence = 0;
  }
  if (poolOffset + 8 > POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const random = pool.toString('hex', poolOffset, poolOffset + 8);
  poolOffset += 8;
  const variant = '89ab'[parseInt(random[0] as string, 16) & 3] as string;
  return `${time}7${sequence.toString(16).padStart(3, '0')}${variant}${random.slice(1)}`;
}

/** SHA-256(tenant ‖ 0 ‖ key [‖ 0 ‖ part]): names a keyed command for good; `part` tells the entries of a batch apart. */
export function keyDigest(tenant: string, key: string, part?: string): Buffer {
  const hash = createHash('sha256').update(tenant).update('\0').update(key);
  if (part !== undefined) hash.update('\0').update(part);
  return hash.digest();
}

/** The command id that a key's digest stands for: 32 hex digits shaped as a UUID version 8 (RFC 9562 §5.8). */
export function commandIdOf(digest: Buffer): string {
  const hex = digest.toString('hex', 0, 16);
  const variant = '89ab'[parseInt(hex[16] as string, 16) & 3] as string;
  return `${hex.slice(0, 12)}8${hex.slice(13, 16)}${variant}${hex.slice(17)}`;
}

/** The id of the fact at `index` (from 0, over all appends of one command): an append repeated is recognised by it. */
export function eventId(commandId: string, index: number): string {
  return `evt_${commandId}${index.toString(16).padStart(4, '0')}`;
}
