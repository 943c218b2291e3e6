import { describe, expect, it } from '@jest/globals';
import { MemoryKeyVault } from '../memory/memory-key-vault.js';
import { CachedCustomerKeys } from './cached-customer-keys.js';
import type { CustomerId, VaultEntry } from './key-vault.port.js';

/** Reads at once and answers when it is told to. */
class SlowVault extends MemoryKeyVault {
  readonly waiting: Array<() => void> = [];

  override async find(ids: readonly CustomerId[]): Promise<VaultEntry[]> {
    const found = await super.find(ids);
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    return found;
  }
}

describe('customers’ keys in memory', () => {
  it('stay forgotten where an answer from before they were erased comes after it', async () => {
    const vault = new SlowVault();
    await vault.findOrCreate([{ tenant: 'acme', accountId: 'a' }]);
    const keys = new CachedCustomerKeys(vault);
    const before = keys.openerFor('acme', 'a');
    while (vault.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await keys.erase('acme', 'a');
    vault.waiting[0]!();
    expect(await before).toBeNull();
    expect(await keys.openerFor('acme', 'a')).toBeNull();
    // It was not looked up again: it is known for good.
    expect(vault.waiting).toHaveLength(1);
  });
});
