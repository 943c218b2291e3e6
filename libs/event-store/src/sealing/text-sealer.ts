// 2 → 3 · hashes and encrypts what a person may ask us to forget; handlers seal, projections and replays open.
import { createCipheriv, createDecipheriv, createSecretKey, hash, randomFillSync, type KeyObject } from 'node:crypto';
import { jcs, type ErasableRef, type JsonValue } from '#libs/kernel';
import type { Sealed, TextSealer } from '../sealing.port.js';

export const KEY_BYTES = 32;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The first byte of what is sealed: how the rest is laid out (nonce, tag, ciphertext of the JSON `{field: [salt, value]}`). */
const LAYOUT = 1;

/** Randomness drawn in blocks: a call for 32 bytes costs as much as one for 16 kB. */
const POOL_BYTES = 16_384;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let poolOffset = POOL_BYTES;

/** A copy, and the pool forgets it: a salt must not outlive its customer's key in memory. */
export function randomBytesPooled(size: number): Buffer {
  if (poolOffset + size > POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const bytes = Buffer.from(pool.subarray(poolOffset, poolOffset + size));
  pool.fill(0, poolOffset, poolOffset + size);
  poolOffset += size;
  return bytes;
}

type SealedEntries = Record<string, [salt: string, value: JsonValue]>;

export class AesTextSealer implements TextSealer {
  private readonly key: KeyObject;
  private readonly owner: Buffer;

  /** The owner is authenticated with the text: a ciphertext moved to another customer's fact does not open. */
  constructor(key: Buffer, tenant: string, accountId: string) {
    this.key = createSecretKey(key);
    this.owner = Buffer.from(`${tenant}\0${accountId}`);
  }

  seal(values: Record<string, JsonValue | undefined>): Sealed | null {
    const refs: Record<string, ErasableRef> = {};
    const entries: SealedEntries = {};
    let isEmpty = true;
    for (const [field, value] of Object.entries(values)) {
      if (value === undefined || value === null) continue;
      const salt = randomBytesPooled(SALT_BYTES);
      refs[field] = { $erasable: digest(salt, value) };
      entries[field] = [salt.toString('base64url'), value];
      isEmpty = false;
    }
    return isEmpty ? null : { refs, sealed: this.encrypt(JSON.stringify(entries)) };
  }

  open(sealed: string): Record<string, JsonValue> {
    const entries = this.decrypt(sealed);
    if (entries === null) return {};
    return Object.fromEntries(Object.entries(entries).map(([field, [, value]]) => [field, value]));
  }

  digestAgain(sealed: string, field: string, value: JsonValue): string | null {
    const entries = this.decrypt(sealed);
    const entry = entries !== null && Object.hasOwn(entries, field) ? entries[field] : undefined;
    return entry === undefined ? null : digest(Buffer.from(entry[0], 'base64url'), value);
  }

  private encrypt(text: string): string {
    const nonce = randomBytesPooled(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(this.owner);
    const body = cipher.update(text, 'utf8');
    cipher.final();
    return Buffer.concat([Buffer.of(LAYOUT), nonce, cipher.getAuthTag(), body]).toString('base64url');
  }

  /** Null for what this key did not seal. */
  private decrypt(sealed: string): SealedEntries | null {
    const bytes = Buffer.from(sealed, 'base64url');
    const bodyStart = 1 + NONCE_BYTES + TAG_BYTES;
    if (bytes.length < bodyStart || bytes[0] !== LAYOUT) return null;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(this.owner).setAuthTag(bytes.subarray(1 + NONCE_BYTES, bodyStart));
      const text = Buffer.concat([decipher.update(bytes.subarray(bodyStart)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as SealedEntries;
    } catch {
      return null;
    }
  }
}

/** base64url SHA-256(salt ‖ JCS bytes of the value). */
function digest(salt: Buffer, value: JsonValue): string {
  return hash('sha256', Buffer.concat([salt, Buffer.from(jcs(value))]), 'base64url');
}
