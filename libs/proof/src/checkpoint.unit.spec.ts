import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { HeadSigner, isOrigin, openCheckpoint, VerifierKey } from './checkpoint.js';
import { leafHash } from './merkle.js';

const ORIGIN = 'rollcredits.local/0b0e6c5a';
/** The PKCS#8 form of the first test key of RFC 8032, so that signatures here are known ones. */
const KEY: KeyObject = createPrivateKey({
  key: Buffer.from(`302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const HEAD = { treeSize: 7, rootHash: leafHash(Buffer.from('a')), time: '2026-11-21T10:00:00.000Z', position: '0000000000000007' };

describe('a checkpoint', () => {
  const signer = new HeadSigner(ORIGIN, KEY);
  const checkpoint = signer.sign(HEAD);

  it('is a signed note of origin, size, root, time and position', () => {
    const lines = checkpoint.split('\n');
    expect(lines.slice(0, 6)).toEqual([
      ORIGIN,
      '7',
      HEAD.rootHash.toString('base64'),
      `time ${HEAD.time}`,
      `position ${HEAD.position}`,
      '',
    ]);
    expect(lines[6]).toMatch(/^— rollcredits\.local\/0b0e6c5a [A-Za-z0-9+/]{90,92}={0,2}$/);
    expect(lines.slice(7)).toEqual(['']);
  });

  it('opens under the key that signed it, also where another log co-signed it', () => {
    expect(openCheckpoint(checkpoint, signer.verifier)).toEqual({ ...HEAD, origin: ORIGIN });
    const witness = new HeadSigner('witness.example', generateKeyPairSync('ed25519').privateKey);
    const line = witness.sign(HEAD).split('\n').at(-2) as string;
    expect(openCheckpoint(`${checkpoint.slice(0, -1)}\n${line}\n`, signer.verifier)).toMatchObject({ treeSize: 7 });
  });

  it('opens under no other key, and not when any of its characters is another', () => {
    const other = new HeadSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey).verifier;
    expect(openCheckpoint(checkpoint, other)).toBe('it is not signed by the key');
    const elsewhere = new HeadSigner('elsewhere', KEY).verifier;
    expect(openCheckpoint(checkpoint, elsewhere)).toBe(`it is of ${ORIGIN}, and the key is of elsewhere`);
    for (let at = 0; at < checkpoint.length; at += 1) {
      const changed = `${checkpoint.slice(0, at)}${checkpoint[at] === 'A' ? 'B' : 'A'}${checkpoint.slice(at + 1)}`;
      expect([at, typeof openCheckpoint(changed, signer.verifier)]).toEqual([at, 'string']);
    }
    for (const text of ['', '\n\n', 'a\n\nb\n', checkpoint.slice(0, -1), `${ORIGIN}\n`]) {
      expect(typeof openCheckpoint(text, signer.verifier)).toBe('string');
    }
  });
});

describe('a verifier key', () => {
  const key = new HeadSigner(ORIGIN, KEY).verifier;

  it('reads as a line what it wrote as one, and names the public key of RFC 8032', () => {
    expect(key.publicKey.toString('hex')).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    expect(VerifierKey.parse(`${key.vkey}\n`)).toEqual(key);
    expect(key.vkey).toMatch(/^rollcredits\.local\/0b0e6c5a\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
    expect(key.pem).toContain('-----BEGIN PUBLIC KEY-----');
  });

  it('reads keys whose base64 has plus signs', () => {
    for (let n = 0; n < 200; n += 1) {
      const made = new HeadSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey).verifier;
      expect(VerifierKey.parse(made.vkey)).toEqual(made);
    }
  });

  it.each(['', 'a', 'a+b', 'a+b+c', 'a b+00000000+AAAA', `other+${'0'.repeat(8)}+${'A'.repeat(44)}`])('is not read from %j', (text) => {
    expect(VerifierKey.parse(text)).toBeNull();
  });

  it('is not read where its id is not its own', () => {
    expect(VerifierKey.parse(key.vkey.replace(key.idHex, '00000000'))).toBeNull();
  });

  it('has a name without white space and plus', () => {
    expect(['a', 'a/b.c', 'é'].map(isOrigin)).toEqual([true, true, true]);
    expect(['', 'a b', 'a+b', 'a\n', 'x'.repeat(256)].map(isOrigin)).toEqual([false, false, false, false, false]);
  });
});
