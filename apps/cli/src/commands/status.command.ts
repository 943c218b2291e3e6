// `rollcredits status`: how each part of a running server is.
import { Command } from 'nest-commander';
import { get, type Body } from '../api-client.js';
import { CliError, EXIT } from '../exit-codes.js';
import { columns, print } from '../lines.js';
import { ServerCommand, type ServerOptions } from './server.command.js';

@Command({ name: 'status', description: 'how each part of a running server is' })
export class StatusCommand extends ServerCommand {
  async run(_words: string[], options: ServerOptions): Promise<void> {
    const { url } = this.server(options);
    const { status, body } = await get(url, '/readyz', undefined);
    if (options.json === true) print(JSON.stringify(body));
    else print(columns(['part', 'status', 'detail'], rowsOf(body)));
    if (status !== 200) throw new CliError(EXIT.unavailable, `the server at ${url} is not ready`, { silent: true });
  }
}

function rowsOf(body: Body): string[][] {
  const parts = Object.entries((body['parts'] ?? {}) as Record<string, Body>);
  return parts.map(([part, { status, detail, ...figures }]) => {
    const shown = Object.entries(figures).map(
      ([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
    return [part, String(status), [...(detail === undefined ? [] : [String(detail)]), ...shown].join(', ')];
  });
}
