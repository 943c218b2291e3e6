// `rollcredits rebuild <name>`: makes a read model anew from the log beside the one that serves, and switches it in or only compares.
import { Command, Option } from 'nest-commander';
import { READ_MODEL_LIST, RebuildFailed } from '#libs/projections';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';
import { withLedger } from '../ledger/open-ledger.js';
import { Progress } from '../ledger/progress.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface RebuildOptions extends JsonOptions {
  diff?: boolean;
  list?: boolean;
}

const NAMES = READ_MODEL_LIST.map(({ name }) => name);

@Command({
  name: 'rebuild',
  arguments: '[name]',
  description: 'make a read model anew from the log, beside the one that serves, and switch it in when it has caught up',
})
export class RebuildCommand extends CliCommand {
  @Option({ flags: '--diff', description: 'only compare its rows with those that serve' })
  parseDiff(): boolean {
    return true;
  }

  @Option({ flags: '--list', description: 'print the names' })
  parseList(): boolean {
    return true;
  }

  async run([name]: string[], { diff = false, list, json }: RebuildOptions): Promise<void> {
    if (list === true) {
      print(json === true ? JSON.stringify({ names: NAMES }) : NAMES.join('\n'));
      return;
    }
    if (name === undefined || !NAMES.includes(name)) {
      const complaint = name === undefined ? 'name a read model' : `there is no read model ${name}`;
      throw new CliError(LEDGER_EXIT.usage, `${complaint}: there are ${NAMES.join(', ')}`, { code: 'usage' });
    }
    const progress = new Progress(name);
    const report = await withLedger(({ rebuilds }) =>
      rebuilds.run(name, { diff, onProgress: ({ position, target }) => progress.at(Number(position), Number(target)) }),
    )
      .catch((error: unknown) => {
        if (error instanceof RebuildFailed) throw new CliError(LEDGER_EXIT.different, error.message, { code: 'stopped' });
        throw error;
      })
      .finally(() => progress.end());
    if (json === true) print(JSON.stringify(report));
    else if (!diff) print(`${name}: version ${report.version} serves, up to ${report.position}.`);
    else if (report.differing === 0) print(`${name}: every row is as the log makes it, up to ${report.position}.`);
    else {
      print(`${name}: ${report.differing} rows are other than the log makes them. The first:`);
      for (const { table, expected, actual } of report.differences)
        print(`${table}\n  expected  ${expected ?? 'no row'}\n  actual    ${actual ?? 'no row'}`);
    }
    if (report.differing > 0) throw new CliError(LEDGER_EXIT.different, '', { silent: true });
  }
}
