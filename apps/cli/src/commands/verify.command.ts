// `rollcredits verify`: reads the whole ledger again and says whether anything in it is other than it was signed, or than the log makes it.
import { readFileSync } from 'node:fs';
import { Command, Option } from 'nest-commander';
import { openCheckpoint, type Head, type VerifierKey } from '#libs/proof';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';
import { verifierKey } from '../ledger/keys.js';
import { withLedger } from '../ledger/open-ledger.js';
import { Progress } from '../ledger/progress.js';
import { verify, type Verdict } from '../ledger/verification.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface VerifyOptions extends JsonOptions {
  from?: string;
  key?: string;
}

@Command({ name: 'verify', description: 'read the whole log again and hold it against its signed heads, its journal and every read model' })
export class VerifyCommand extends CliCommand {
  @Option({ flags: '--from <file>', description: 'a checkpoint that you kept: the log must still begin as it did then' })
  parseFrom(file: string): string {
    return file;
  }

  @Option({ flags: '--key <vkey or file>', description: 'the public key that you kept; default: the one that the ledger says is its own' })
  parseKey(key: string): string {
    return key;
  }

  async run(_words: string[], options: VerifyOptions): Promise<void> {
    const startedAt = performance.now();
    const given = options.key === undefined ? null : verifierKey(options.key);
    const note = options.from === undefined ? null : read(options.from);
    const verdict = await withLedger(async ({ store, tables, rebuilds }) => {
      const key = given ?? (await tables.key());
      let bar: { name: string; progress: Progress } | null = null;
      const onProgress = (name: string, done: number, total: number): void => {
        if (bar?.name !== name) {
          bar?.progress.end();
          bar = { name, progress: new Progress(name) };
        }
        bar.progress.at(done, total);
      };
      try {
        return await verify({ store, tables, rebuilds, key, kept: note === null ? null : keptHead(note, key), onProgress });
      } finally {
        (bar as { progress: Progress } | null)?.progress.end();
      }
    });
    const seconds = Math.round(performance.now() - startedAt) / 1_000;
    if (options.json === true) print(JSON.stringify({ ...verdict, seconds }));
    else for (const line of linesOf(verdict, seconds)) print(line);
    if (!verdict.ok) throw new CliError(LEDGER_EXIT.different, '', { silent: true });
  }
}

function keptHead(note: string, key: VerifierKey | null): Head {
  const head = key === null ? 'the ledger has no key yet' : openCheckpoint(note, key);
  if (typeof head === 'string')
    throw new CliError(LEDGER_EXIT.usage, `the checkpoint that you kept does not stand: ${head}`, { code: 'usage' });
  return head;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(LEDGER_EXIT.usage, `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, { code: 'usage' });
  }
}

function linesOf({ ok, facts, treeSize, rootHash, position, checks, difference }: Verdict, seconds: number): string[] {
  const lines = checks.map((check) => `${check.ok ? 'good     ' : 'DIFFERENT'} ${check.name}`);
  if (difference !== null) {
    const { kind, position: at, eventId, table, row, expected, actual } = difference;
    const where = [table, row, at === null ? null : `position ${at}`, eventId].filter((part) => part !== null).join(' · ');
    lines.push('', `${kind}: ${where}`, `  expected  ${expected ?? 'nothing'}`, `  actual    ${actual ?? 'nothing'}`);
  }
  lines.push('', `${facts} facts in ${seconds} s; the tree of ${treeSize} leaves up to ${position} has the root ${rootHash}.`);
  lines.push(ok ? 'Nothing is other than it was.' : 'The ledger is not what it was.');
  return lines;
}
