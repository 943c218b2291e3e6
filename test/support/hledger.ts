// Runs Debian's hledger on a journal, where it is installed; specs that need it are skipped with that reason where it is not.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const HAS_HLEDGER = spawnSync('hledger', ['--version']).status === 0;
export const NO_HLEDGER = 'hledger is not installed (apt-get install hledger)';

/** ledger account → commodity → balance, as hledger prints it. */
export type HledgerBalances = Map<string, Map<string, string>>;

export class HledgerFile {
  private constructor(
    readonly path: string,
    private readonly folder: string | null,
  ) {}

  static of(text: string): HledgerFile {
    const folder = mkdtempSync(join(tmpdir(), 'rollcredits-hledger-'));
    const path = join(folder, 'books.journal');
    writeFileSync(path, text);
    return new HledgerFile(path, folder);
  }

  /** One that is there already, and stays. */
  static at(path: string): HledgerFile {
    return new HledgerFile(path, null);
  }

  /** What `hledger check --strict` says; empty when it finds nothing. */
  check(): string {
    const { status, stdout, stderr } = spawnSync('hledger', ['-f', this.path, 'check', '--strict'], { encoding: 'utf8' });
    return status === 0 ? '' : `${stdout}${stderr}` || `hledger ended with ${String(status)}`;
  }

  /** `until` is exclusive, a date; without it everything counts. */
  balances(until?: string): HledgerBalances {
    const args = [
      '-f',
      this.path,
      'balance',
      '--flat',
      '--no-total',
      '--empty',
      '-O',
      'csv',
      '--layout=bare',
      ...(until === undefined ? [] : ['-e', until]),
    ];
    const { status, stdout, stderr } = spawnSync('hledger', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(stderr);
    const balances: HledgerBalances = new Map();
    for (const line of stdout.trim().split('\n').slice(1)) {
      const [account, commodity, amount] = line.split(',').map((cell) => cell.replaceAll('"', '')) as [string, string, string];
      const byCommodity = balances.get(account) ?? new Map<string, string>();
      byCommodity.set(commodity, amount);
      balances.set(account, byCommodity);
    }
    return balances;
  }

  remove(): void {
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Sums an account and everything below it, in minor units of the commodity. */
export function balanceOf(balances: HledgerBalances, account: string | RegExp, commodity: string, decimals: number): bigint {
  let sum = 0n;
  for (const [name, byCommodity] of balances) {
    if (typeof account === 'string' ? name !== account && !name.startsWith(`${account}:`) : !account.test(name)) continue;
    const text = byCommodity.get(commodity);
    if (text === undefined || text === '0') continue;
    const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
    const value = BigInt(whole + fraction.padEnd(decimals, '0'));
    sum += text.startsWith('-') ? -value : value;
  }
  return sum;
}
