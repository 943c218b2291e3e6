// `rollcredits balance <account>`: what an account has, bucket by bucket and grant by grant.
import { Command } from 'nest-commander';
import { read, type Body } from '../api-client.js';
import { columns, fields, print } from '../lines.js';
import { ServerCommand, type ServerOptions } from './server.command.js';

@Command({ name: 'balance', arguments: '<account>', description: 'what an account has, grant by grant' })
export class BalanceCommand extends ServerCommand {
  async run([account = '']: string[], options: ServerOptions): Promise<void> {
    const { url, key } = this.server(options);
    const balance = await read(url, `/v1/accounts/${encodeURIComponent(account)}/balance`, key);
    if (options.json === true) return print(JSON.stringify(balance));
    const reset = balance['nextReset'] as Body | null;
    print(
      fields({
        account: String(balance['accountId']),
        plan: String(balance['plan']),
        available: Number(balance['available']),
        held: Number(balance['held']),
        frozen: Number(balance['frozen']) === 0 ? null : Number(balance['frozen']),
        debt: Number(balance['debt']) === 0 ? null : Number(balance['debt']),
        'next reset': reset === null ? null : `${String(reset['at'])}, ${String(reset['allowance'])} credits`,
      }),
    );
    const grants = balance['grants'] as Body[];
    if (grants.length === 0) return;
    const rows = grants.map((grant) => [
      String(grant['bucket']),
      Number(grant['available']),
      Number(grant['held']),
      Number(grant['credits']),
      String(grant['expiresAt'] ?? 'never'),
      String(grant['reference'] ?? ''),
    ]);
    print(`\n${columns(['bucket', 'available', 'held', 'granted', 'expires', 'reference'], rows)}`);
  }
}
