// `rollcredits receipt <id>`: what one generation cost, line by line.
import { Command } from 'nest-commander';
import { read, type Body } from '../api-client.js';
import { columns, print } from '../lines.js';
import { ServerCommand, type ServerOptions } from './server.command.js';

@Command({ name: 'receipt', arguments: '<id>', description: 'what one generation cost, line by line' })
export class ReceiptCommand extends ServerCommand {
  async run([id = '']: string[], options: ServerOptions): Promise<void> {
    const { url, key } = this.server(options);
    const receipt = await read(url, `/v1/tasks/${encodeURIComponent(id)}/receipt`, key);
    if (options.json === true) return print(JSON.stringify(receipt));
    const rows = (receipt['lines'] as Body[]).map((line) => [
      String(line['at']),
      String(line['what']),
      Number(line['credits']),
      Object.entries(line['buckets'] as Record<string, number>)
        .map(([bucket, credits]) => `${bucket} ${credits}`)
        .join(', '),
    ]);
    print(`${String(receipt['statement'])}\n\n${columns(['at', 'what', 'credits', 'from'], rows)}`);
  }
}
