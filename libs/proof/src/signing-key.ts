// Decides with which key heads are signed: the configuration's, else one of this installation's own, made at first start; called by the proof module.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartupError } from '#libs/platform';

export interface SigningKeySource {
  /** PKCS#8 PEM. */
  ledgerSigningKey: string | null;
  ledgerSigningKeyFile: string | null;
  dataDir: string;
}

/** Throws a StartupError that says which setting is wrong and never shows a key. */
export function signingKey({ ledgerSigningKey, ledgerSigningKeyFile, dataDir }: SigningKeySource): KeyObject {
  if (ledgerSigningKey !== null) return ed25519(ledgerSigningKey.replaceAll('\\n', '\n'), 'LEDGER_SIGNING_KEY');
  if (ledgerSigningKeyFile !== null) return ed25519(read(ledgerSigningKeyFile, 'LEDGER_SIGNING_KEY_FILE'), 'LEDGER_SIGNING_KEY_FILE');
  const file = join(dataDir, 'ledger.key');
  try {
    return ed25519(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  mkdirSync(dirname(file), { recursive: true });
  try {
    // Exclusively: of two processes that start at once, the second takes what the first made.
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return ed25519(readFileSync(file, 'utf8'), file);
}

function read(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartupError(`${setting} names a file that cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`);
  }
}

function ed25519(pem: string, where: string): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The parser's message may quote what it was given.
  }
  if (key?.asymmetricKeyType !== 'ed25519') throw new StartupError(`${where} must be the PKCS#8 PEM of an Ed25519 private key`);
  return key;
}
