// `rollcredits forget <account>`: erases the key of a customer's free text for good; every proof and every balance still stands.
import { Command, Option } from 'nest-commander';
import { tenantStream } from '#libs/event-store';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';
import { withLedger } from '../ledger/open-ledger.js';
import { print } from '../lines.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface ForgetOptions extends JsonOptions {
  tenant?: string;
  yes?: boolean;
}

@Command({
  name: 'forget',
  arguments: '<account>',
  description: "erase the key of an account's name, prompts and metadata, for good; no fact, proof or balance changes",
})
export class ForgetCommand extends CliCommand {
  @Option({ flags: '--tenant <tenant>', description: 'whose account it is (default: default)' })
  parseTenant(tenant: string): string {
    return tenant;
  }

  @Option({ flags: '--yes', description: 'yes, for good' })
  parseYes(): boolean {
    return true;
  }

  async run([account = '']: string[], { tenant = 'default', yes, json }: ForgetOptions): Promise<void> {
    if (yes !== true) {
      throw new CliError(LEDGER_EXIT.usage, `what ${account} wrote will never be readable again: say --yes if you mean it`, {
        code: 'usage',
      });
    }
    const forgotten = await withLedger(async ({ store, keys }) => {
      const [opened] = await store.readStream(tenantStream('account', tenant, account), { limit: 1 });
      if (opened === undefined) throw new CliError(LEDGER_EXIT.usage, `there is no account ${account} of ${tenant}`, { code: 'not_found' });
      return keys.erase(tenant, account);
    });
    if (json === true) print(JSON.stringify({ account, tenant, forgotten: true, wasForgottenBefore: !forgotten }));
    else print(forgotten ? `${account} is forgotten.` : `${account} was forgotten before.`);
  }
}
