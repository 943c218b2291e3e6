// 2 → 3 · hands handlers and projections the sealer of a customer, from memory where it can; the CustomerKeys of every process.
import { LRUCache } from 'lru-cache';
import type { CustomerKeys, TextSealer } from '../sealing.port.js';
import { TickBatch } from '../tick-batch.js';
import type { CustomerId, KeyVault, VaultEntry } from './key-vault.port.js';
import { AesTextSealer, KEY_BYTES, randomBytesPooled } from './text-sealer.js';

interface Cached {
  sealer: AesTextSealer | 'erased' | 'none';
  /** By the monotonic clock: how old the knowledge is. */
  lookedUpAtMs: number;
}

const CUSTOMERS_MAX_DEFAULT = 20_000;
/** Beyond this age the key is looked up again in the background … */
const REFRESH_AFTER_MS_DEFAULT = 1_000;
/** … with all others that came of age in such a stretch of time, in one query … */
const REFRESH_EVERY_MS = 100;
/** … and beyond this one it is not used before it was: so long an erased key can still be used by another process. */
const STALE_AFTER_MS_DEFAULT = 3_000;

export interface CachedCustomerKeysOptions {
  customersMax?: number;
  refreshAfterMs?: number;
  staleAfterMs?: number;
}

export class CachedCustomerKeys implements CustomerKeys {
  private readonly cache: LRUCache<string, Cached>;
  private readonly finds: TickBatch<string, Cached>;
  private readonly creates: TickBatch<string, Cached>;
  /** Customers in use whose key is looked up again at the next refresh. */
  private aging = new Set<string>();
  private readonly refreshAfterMs: number;
  private readonly staleAfterMs: number;

  constructor(
    private readonly vault: KeyVault,
    options: CachedCustomerKeysOptions = {},
  ) {
    this.cache = new LRUCache({ max: options.customersMax ?? CUSTOMERS_MAX_DEFAULT });
    this.refreshAfterMs = options.refreshAfterMs ?? REFRESH_AFTER_MS_DEFAULT;
    this.staleAfterMs = options.staleAfterMs ?? STALE_AFTER_MS_DEFAULT;
    const none = (): Cached => ({ sealer: 'none', lookedUpAtMs: performance.now() });
    this.finds = new TickBatch((names) => this.fetch(names, (ids) => vault.find(ids)), none);
    this.creates = new TickBatch((names) => this.fetch(names, (ids) => vault.findOrCreate(ids)), none);
  }

  async sealerFor(tenant: string, accountId: string): Promise<TextSealer> {
    const name = nameOf(tenant, accountId);
    let cached = this.fresh(name);
    if (cached === null || cached.sealer === 'none') cached = await this.creates.get(name);
    // Forgotten: the digests are made as ever, and the texts are sealed under a key that nobody keeps.
    if (typeof cached.sealer === 'string') return new AesTextSealer(randomBytesPooled(KEY_BYTES), tenant, accountId);
    return cached.sealer;
  }

  async openerFor(tenant: string, accountId: string): Promise<TextSealer | null> {
    const name = nameOf(tenant, accountId);
    const { sealer } = this.fresh(name) ?? (await this.finds.get(name));
    return typeof sealer === 'string' ? null : sealer;
  }

  async openersFor(tenant: string, accountIds: readonly string[]): Promise<Map<string, TextSealer | null>> {
    const openers = await Promise.all(accountIds.map((accountId) => this.openerFor(tenant, accountId)));
    return new Map(accountIds.map((accountId, index) => [accountId, openers[index] ?? null]));
  }

  /** Forgets a customer: here at once, in other processes within seconds. */
  async erase(tenant: string, accountId: string): Promise<boolean> {
    const wasThere = await this.vault.erase({ tenant, accountId });
    this.cache.set(nameOf(tenant, accountId), { sealer: 'erased', lookedUpAtMs: performance.now() });
    return wasThere;
  }

  private fresh(name: string): Cached | null {
    const cached = this.cache.get(name);
    // That there was no key is never kept: another process may have made one since.
    if (cached === undefined) return null;
    const ageMs = performance.now() - cached.lookedUpAtMs;
    if (cached.sealer === 'erased' || ageMs < this.refreshAfterMs) return cached;
    if (ageMs >= this.staleAfterMs) return null;
    if (this.aging.size === 0) setTimeout(() => this.refresh(), REFRESH_EVERY_MS).unref();
    this.aging.add(name);
    return cached;
  }

  private refresh(): void {
    const names = [...this.aging];
    this.aging = new Set();
    // A failure is not lost: it comes back to whoever asks once the entry is stale.
    this.fetch(names, (ids) => this.vault.find(ids)).catch(() => undefined);
  }

  private async fetch(names: string[], look: (ids: CustomerId[]) => Promise<VaultEntry[]>): Promise<Map<string, Cached>> {
    const lookedUpAtMs = performance.now();
    const ids = names.map(customerOf);
    const entries = await look(ids);
    const found = new Map<string, Cached>();
    names.forEach((name, index) => {
      const { tenant, accountId } = ids[index] as CustomerId;
      const entry = entries[index];
      if (entry === undefined) return;
      const known = this.cache.peek(name)?.sealer;
      const kept = known instanceof AesTextSealer ? known : null;
      // What is erased is so for good: a key that was read before comes too late.
      const isErased = entry === 'erased' || known === 'erased';
      const cached: Cached = { sealer: isErased ? 'erased' : (kept ?? new AesTextSealer(entry, tenant, accountId)), lookedUpAtMs };
      this.cache.set(name, cached);
      found.set(name, cached);
    });
    return found;
  }
}

/** A tenant has no dot. */
function nameOf(tenant: string, accountId: string): string {
  return `${tenant}.${accountId}`;
}

function customerOf(name: string): CustomerId {
  const dot = name.indexOf('.');
  return { tenant: name.slice(0, dot), accountId: name.slice(dot + 1) };
}
