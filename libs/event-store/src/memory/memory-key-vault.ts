// Customers' keys in memory, for unit tests and the simulation.
import type { CustomerId, KeyVault, VaultEntry } from '../sealing/key-vault.port.js';
import { KEY_BYTES, randomBytesPooled } from '../sealing/text-sealer.js';

export class MemoryKeyVault implements KeyVault {
  private readonly entries = new Map<string, Buffer | 'erased'>();

  find(ids: readonly CustomerId[]): Promise<VaultEntry[]> {
    return Promise.resolve(ids.map((id) => this.entries.get(nameOf(id))));
  }

  findOrCreate(ids: readonly CustomerId[]): Promise<Array<Exclude<VaultEntry, undefined>>> {
    return Promise.resolve(
      ids.map((id) => {
        const entry = this.entries.get(nameOf(id)) ?? randomBytesPooled(KEY_BYTES);
        this.entries.set(nameOf(id), entry);
        return entry;
      }),
    );
  }

  erase(id: CustomerId): Promise<boolean> {
    const entry = this.entries.get(nameOf(id));
    this.entries.set(nameOf(id), 'erased');
    return Promise.resolve(entry instanceof Buffer);
  }
}

function nameOf({ tenant, accountId }: CustomerId): string {
  return `${tenant}.${accountId}`;
}
