// `rollcredits verify-receipt <file>`: whether a receipt proves itself; needs nothing but the file and the public key.
import { readFileSync } from 'node:fs';
import { Command, Option } from 'nest-commander';
import { parseReceiptFile, verifyReceipt, type ReceiptFile } from '#libs/proof';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';
import { verifierKey } from '../ledger/keys.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface VerifyReceiptOptions extends JsonOptions {
  key?: string;
}

@Command({
  name: 'verify-receipt',
  arguments: '<file>',
  description: 'prove a receipt (GET /v1/tasks/{id}/receipt?proof=true) with nothing but the public key',
})
export class VerifyReceiptCommand extends CliCommand {
  @Option({
    flags: '--key <vkey or file>',
    required: true,
    description: 'the public key, from GET /v1/ledger/key or from where you kept it',
  })
  parseKey(key: string): string {
    return key;
  }

  run([file = '']: string[], options: VerifyReceiptOptions): Promise<void> {
    const verdict = verifyReceipt(read(file), verifierKey(options.key ?? ''));
    if (options.json === true) print(JSON.stringify(verdict));
    else if (verdict.ok) {
      print(`${verdict.taskId ?? ''}: ${verdict.charged ?? 0} credits charged, proven by ${verdict.facts} facts`);
      print(`under the head of ${verdict.treeSize ?? 0} facts that was signed at ${verdict.time ?? ''}.`);
    } else for (const error of verdict.errors) print(`NOT PROVEN: ${error}`);
    if (!verdict.ok) return Promise.reject(new CliError(LEDGER_EXIT.different, '', { silent: true }));
    return Promise.resolve();
  }
}

function read(file: string): ReceiptFile {
  try {
    return parseReceiptFile(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(LEDGER_EXIT.usage, code === undefined ? message : `${file} cannot be read: ${code}`, { code: 'usage' });
  }
}
