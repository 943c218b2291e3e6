// Where customers' keys are kept. A key that was erased leaves a tombstone: the same customer is never given another one.

export interface CustomerId {
  tenant: string;
  /** Empty for the tenant's own key: what belongs to no account. */
  accountId: string;
}

/** A key of 32 bytes; `erased` where there was one; undefined where there never was. */
export type VaultEntry = Buffer | 'erased' | undefined;

export interface KeyVault {
  /** One entry per id, in order. */
  find(ids: readonly CustomerId[]): Promise<VaultEntry[]>;
  /** Like find, but makes a key where there never was one; two processes that do so at once get the same key. */
  findOrCreate(ids: readonly CustomerId[]): Promise<Array<Exclude<VaultEntry, undefined>>>;
  /** For good, also for a customer that has no key yet. Answers whether a key was there. */
  erase(id: CustomerId): Promise<boolean>;
}
