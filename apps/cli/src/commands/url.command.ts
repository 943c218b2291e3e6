// `rollcredits url`: where the embedded PostgreSQL of a running server is, for psql and for roles that run alone.
import { readFileSync } from 'node:fs';
import { Command } from 'nest-commander';
import { parseConfig, urlFile } from '#libs/platform';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

@Command({ name: 'url', description: 'the URL of the embedded PostgreSQL of the server that runs on DATA_DIR (a secret)' })
export class UrlCommand extends CliCommand {
  async run(_words: string[], options: JsonOptions): Promise<void> {
    const { dataDir } = parseConfig();
    let url: string;
    try {
      url = readFileSync(urlFile(dataDir), 'utf8').trim();
    } catch (error) {
      const why =
        (error as NodeJS.ErrnoException).code === 'EACCES' ? 'only the user who runs the server may read it' : 'no server runs on it';
      throw new CliError(EXIT.unavailable, `there is no URL in ${dataDir}: ${why}`, { code: 'unavailable', dataDir });
    }
    print(options.json === true ? JSON.stringify({ url }) : url);
  }
}
