// Reads a public key as people hand it over: the one-line form itself, or a file with it.
import { existsSync, readFileSync } from 'node:fs';
import { VerifierKey } from '#libs/proof';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';

export function verifierKey(given: string): VerifierKey {
  const text = VerifierKey.parse(given) === null && existsSync(given) ? readFileSync(given, 'utf8') : given;
  const key = VerifierKey.parse(vkeyIn(text));
  if (key !== null) return key;
  throw new CliError(LEDGER_EXIT.usage, '--key is no public key (`vkey` of GET /v1/ledger/key) and no file with one', { code: 'usage' });
}

/** What GET /v1/ledger/key answered serves as it is. */
function vkeyIn(text: string): string {
  try {
    const { vkey } = JSON.parse(text) as { vkey?: unknown };
    return typeof vkey === 'string' ? vkey : text;
  } catch {
    return text;
  }
}
