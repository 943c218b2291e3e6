// Decides with which key heads are signed: the configuration's, else one of this installation's own, made at first start; called by the proof module.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof StartupError) throw error;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw new StartupError(`the key that signs the ledger's heads cannot be read: ${file} (${code ?? 'error'})`);
  }
  make(file);
  return ed25519(readFileSync(file, 'utf8'), file);
}

/** Whole or not at all: of two processes that start at once, the second takes what the first made. */
function make(file: string): void {
  const own = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(own, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    linkSync(own, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    throw new StartupError(
      `the key that signs the ledger's heads cannot be kept in ${file} (${code ?? 'error'}): set LEDGER_SIGNING_KEY or LEDGER_SIGNING_KEY_FILE, the same for every process`,
    );
  } finally {
    if (existsSync(own)) rmSync(own);
  }
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
