import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StartupError } from '#libs/platform';
import { HeadSigner } from './checkpoint.js';
import { signingKey } from './signing-key.js';

describe('the key that signs heads', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-key-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const none = { ledgerSigningKey: null, ledgerSigningKeyFile: null };
  const vkeyOf = (source: Parameters<typeof signingKey>[0]): string => new HeadSigner('o', signingKey(source)).verifier.vkey;
  const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

  it('is made once, readable by its owner alone, and found again', () => {
    const made = vkeyOf({ ...none, dataDir });
    expect(vkeyOf({ ...none, dataDir })).toBe(made);
    expect(readdirSync(dataDir)).toEqual(['ledger.key']);
    expect(statSync(join(dataDir, 'ledger.key')).mode & 0o777).toBe(0o600);
  });

  it('is the one that was configured, as text with written line ends or as a file', () => {
    const key = pem();
    const file = join(dataDir, 'other.pem');
    writeFileSync(file, key);
    const asText = vkeyOf({ ...none, ledgerSigningKey: key.replaceAll('\n', '\\n'), dataDir });
    expect(vkeyOf({ ...none, ledgerSigningKeyFile: file, dataDir })).toBe(asText);
    expect(readdirSync(dataDir)).toEqual(['other.pem']);
  });

  it('is refused in a sentence that shows no key', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const refusal = (source: Partial<Parameters<typeof signingKey>[0]>): string => {
      try {
        signingKey({ ...none, dataDir, ...source });
      } catch (error) {
        expect(error).toBeInstanceOf(StartupError);
        return (error as Error).message;
      }
      return '';
    };
    expect(refusal({ ledgerSigningKey: 'nonsense' })).toBe('LEDGER_SIGNING_KEY must be the PKCS#8 PEM of an Ed25519 private key');
    expect(refusal({ ledgerSigningKey: rsa })).toBe('LEDGER_SIGNING_KEY must be the PKCS#8 PEM of an Ed25519 private key');
    expect(refusal({ ledgerSigningKeyFile: join(dataDir, 'none') })).toMatch(
      /^LEDGER_SIGNING_KEY_FILE names a file that cannot be read: ENOENT/,
    );
    writeFileSync(join(dataDir, 'file'), '');
    expect(refusal({ dataDir: join(dataDir, 'file', 'below') })).toMatch(/cannot be kept in .*: set LEDGER_SIGNING_KEY or/);
  });
});
