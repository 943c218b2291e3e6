// What commands that ask a server share: where it is, and with which key.
import { Option } from 'nest-commander';
import { CliCommand, type JsonOptions } from './cli.command.js';

export interface ServerOptions extends JsonOptions {
  url?: string;
  key?: string;
}

export abstract class ServerCommand extends CliCommand {
  @Option({ flags: '--url <url>', description: 'where the server listens (ROLLCREDITS_URL; default http://127.0.0.1:3000)' })
  parseUrl(url: string): string {
    return url;
  }

  @Option({ flags: '--key <key>', description: 'an API key (better: ROLLCREDITS_API_KEY, which shows in no list of processes)' })
  parseKey(key: string): string {
    return key;
  }

  protected server(options: ServerOptions): { url: string; key: string | undefined } {
    return {
      url: options.url ?? process.env['ROLLCREDITS_URL'] ?? 'http://127.0.0.1:3000',
      key: options.key ?? process.env['ROLLCREDITS_API_KEY'],
    };
  }
}
