// `rollcredits migrate`: brings DATABASE_URL to the schema of this release, without starting anything.
import { Command } from 'nest-commander';
import { migrate, parseConfig, startupSentence } from '#libs/platform';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

@Command({ name: 'migrate', description: 'bring DATABASE_URL to the schema of this release (every start does so too)' })
export class MigrateCommand extends CliCommand {
  async run(_words: string[], options: JsonOptions): Promise<void> {
    const { databaseUrl } = parseConfig();
    if (databaseUrl === null)
      throw new CliError(EXIT.usage, 'set DATABASE_URL: the embedded PostgreSQL is migrated by npm start', { code: 'usage' });
    const applied = await migrate(databaseUrl).catch((error: unknown) => {
      throw new CliError(EXIT.unavailable, startupSentence(error), { code: 'unavailable' });
    });
    if (options.json === true) print(JSON.stringify({ applied }));
    else print(applied.length === 0 ? 'Nothing to do.' : `Applied ${applied.join(', ')}.`);
  }
}
