// Decides how a tree's head is written, signed and checked: a C2SP checkpoint, which is a signed note; called by the proof projection, the API and the CLI.
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { invariant } from '#libs/kernel';
import type { Hash } from './merkle.js';

/** What a head says: the tree's size and root, and where in the log and in time that was. */
export interface Head {
  origin: string;
  treeSize: number;
  rootHash: Hash;
  /** RFC 3339. */
  time: string;
  /** Of the last leaf. */
  position: string;
}

/** The algorithm byte of Ed25519 in signed notes. */
const ED25519 = 0x01;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The DER that stands before the 32 bytes of an Ed25519 public key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const ORIGIN_PATTERN = /^[^\s+]+$/u;

/** Without white space and plus, which end a name in a note and in a key. */
export function isOrigin(origin: string): boolean {
  return origin.length <= 255 && ORIGIN_PATTERN.test(origin);
}

/** A public key under the name of its log: what whoever checks a head must have from elsewhere. */
export class VerifierKey {
  private constructor(
    readonly origin: string,
    /** 32 bytes. */
    readonly publicKey: Buffer,
  ) {}

  static of(origin: string, key: KeyObject): VerifierKey {
    const isPrivate = key.type === 'private';
    const der = (isPrivate ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
    invariant(key.asymmetricKeyType === 'ed25519' && isOrigin(origin), 'a ledger key is Ed25519, under an origin without space and plus');
    return new VerifierKey(origin, der.subarray(SPKI_PREFIX.length));
  }

  static ofBytes(origin: string, publicKey: Buffer): VerifierKey {
    invariant(publicKey.length === KEY_BYTES && isOrigin(origin), 'a ledger key has 32 bytes, under an origin without space and plus');
    return new VerifierKey(origin, publicKey);
  }

  /** From its one-line form `<origin>+<hex key id>+<base64(0x01 ‖ public key)>`; null for what is no such key. */
  static parse(vkey: string): VerifierKey | null {
    const [origin, id, encoded] = vkey.trim().split('+');
    if (origin === undefined || id === undefined || encoded === undefined || !isOrigin(origin)) return null;
    // Base64 has plus signs of its own: the last part is all that follows the second one.
    const bytes = fromBase64(vkey.trim().slice(origin.length + id.length + 2));
    if (bytes?.length !== KEY_BYTES + 1 || bytes[0] !== ED25519) return null;
    const key = new VerifierKey(origin, bytes.subarray(1));
    return key.idHex === id ? key : null;
  }

  /** The first 4 bytes of SHA-256(origin ‖ 0x0A ‖ 0x01 ‖ public key). */
  get id(): Buffer {
    return createHash('sha256')
      .update(this.origin)
      .update(Buffer.from([0x0a, ED25519]))
      .update(this.publicKey)
      .digest()
      .subarray(0, 4);
  }

  get idHex(): string {
    return this.id.toString('hex');
  }

  get vkey(): string {
    return `${this.origin}+${this.idHex}+${Buffer.concat([Buffer.from([ED25519]), this.publicKey]).toString('base64')}`;
  }

  get pem(): string {
    return this.keyObject().export({ format: 'pem', type: 'spki' }) as string;
  }

  verify(text: string, signature: Buffer): boolean {
    return signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text, 'utf8'), this.keyObject(), signature);
  }

  private keyObject(): KeyObject {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, this.publicKey]), format: 'der', type: 'spki' });
  }
}

/** Signs heads under the name of its log. */
export class HeadSigner {
  readonly verifier: VerifierKey;

  constructor(
    readonly origin: string,
    private readonly privateKey: KeyObject,
  ) {
    this.verifier = VerifierKey.of(origin, privateKey);
  }

  /** Throws where the text is no PKCS#8 PEM of an Ed25519 private key. */
  static fromPem(origin: string, pem: string): HeadSigner {
    return new HeadSigner(origin, createPrivateKey(pem));
  }

  /** The checkpoint: text, empty line, signature line. */
  sign(head: Omit<Head, 'origin'>): string {
    const text = headText({ ...head, origin: this.origin });
    const signature = sign(null, Buffer.from(text, 'utf8'), this.privateKey);
    return `${text}\n— ${this.origin} ${Buffer.concat([this.verifier.id, signature]).toString('base64')}\n`;
  }
}

function headText({ origin, treeSize, rootHash, time, position }: Head): string {
  return `${origin}\n${treeSize}\n${rootHash.toString('base64')}\ntime ${time}\nposition ${position}\n`;
}

const HEAD_PATTERN = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\ntime ([^\n]+)\nposition ([^\n]+)\n$/;
const SIGNATURE_PATTERN = /^— (\S+) (\S+)$/;

/** The head that a checkpoint states, if this key signed it; else what is wrong, in words. Signatures of others are passed over. */
export function openCheckpoint(checkpoint: string, key: VerifierKey): Head | string {
  const at = checkpoint.lastIndexOf('\n\n');
  if (at < 0 || !checkpoint.endsWith('\n')) return 'it is no signed note';
  const text = checkpoint.slice(0, at + 1);
  const [, origin, size, root, time, position] = HEAD_PATTERN.exec(text) ?? [];
  if (origin === undefined || size === undefined || root === undefined || time === undefined || position === undefined) {
    return 'it is no checkpoint of this kind';
  }
  if (origin !== key.origin) return `it is of ${origin}, and the key is of ${key.origin}`;
  const lines = checkpoint.slice(at + 2, -1).split('\n');
  if (!lines.some((line) => isSignedBy(line, text, key))) return 'it is not signed by the key';
  return { origin, treeSize: Number(size), rootHash: Buffer.from(root, 'base64'), time, position };
}

function isSignedBy(line: string, text: string, key: VerifierKey): boolean {
  const [, name, encoded] = SIGNATURE_PATTERN.exec(line) ?? [];
  if (name !== key.origin || encoded === undefined) return false;
  const bytes = fromBase64(encoded);
  return bytes !== null && bytes.subarray(0, 4).equals(key.id) && key.verify(text, bytes.subarray(4));
}

/** Standard alphabet, padded, and nothing else: one value has one spelling. */
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
