// 1 HTTP in · who is calling: every key in memory by its hash, followed by a poll so that a revocation is noticed within two seconds everywhere.
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import { newCommandId } from '#libs/kernel';
import { CONFIG, LOGGER, PG_POOL, type Config } from '#libs/platform';
import { DEPLOYMENT_TENANT, hashOf, newToken, type ApiKey } from './api-key.js';
import { ApiKeysTable, type KeyRow, type NewKey } from './api-keys.postgres.js';

const POLL_MS = 500;
/** Tokens seen, so that a request costs a look-up and no hash; forgotten whole when it is full. */
const TOKENS_MAX = 10_000;

@Injectable()
export class ApiKeys implements OnApplicationShutdown {
  readonly table: ApiKeysTable;
  readonly #byHash = new Map<string, ApiKey>();
  readonly #byId = new Map<string, ApiKey>();
  readonly #byToken = new Map<string, ApiKey>();
  /** Key id → what ends with the key. */
  readonly #untilRevoked = new Map<string, Set<() => void>>();
  #change = '0';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(
    @Inject(PG_POOL) pool: pg.Pool,
    @Inject(CONFIG) private readonly config: Pick<Config, 'adminApiKey'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.table = new ApiKeysTable(pool);
  }

  /** Answers the first administrator's key when this call made it: to be shown once, it is kept nowhere. */
  async start(): Promise<{ firstAdminKey: string | null }> {
    const firstAdminKey = await this.#ensureAdmin();
    await this.refresh();
    this.#schedule();
    return { firstAdminKey };
  }

  /** The key that a header's token stands for; null when there is none. Throws when the database is needed and away. */
  authenticate(token: string): ApiKey | null | Promise<ApiKey | null> {
    const known = this.#byToken.get(token);
    if (known !== undefined) return known;
    const hash = hashOf(token);
    return this.#remember(token, this.#byHash.get(hash)) ?? this.#learn(token, hash);
  }

  /** A key made by another process a moment ago is not known here yet. */
  async #learn(token: string, hash: string): Promise<ApiKey | null> {
    await this.refresh();
    return this.#remember(token, this.#byHash.get(hash));
  }

  #remember(token: string, key: ApiKey | undefined): ApiKey | null {
    if (key === undefined) return null;
    if (this.#byToken.size >= TOKENS_MAX) this.#byToken.clear();
    this.#byToken.set(token, key);
    return key;
  }

  /** Calls once when the key is revoked, here or by another process, at once where it was since it was let in; the answer stops listening. */
  onRevoked({ id }: Pick<ApiKey, 'id'>, listener: () => void): () => void {
    if (!this.#byId.has(id)) {
      listener();
      return () => undefined;
    }
    const listeners = this.#untilRevoked.get(id) ?? new Set();
    this.#untilRevoked.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#untilRevoked.get(id) === listeners) this.#untilRevoked.delete(id);
    };
  }

  /** Reads the changes of every process; callers that come while one is read share the next. */
  refresh(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#read().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.refresh();
      });
    return this.#next;
  }

  async #read(): Promise<void> {
    for (const row of await this.table.changesAfter(this.#change)) {
      this.#apply(row);
      this.#change = row.change;
    }
  }

  #apply(row: KeyRow): void {
    const old = this.#byId.get(row.id);
    if (old !== undefined) {
      this.#byHash.delete(old.hash);
      this.#byId.delete(row.id);
      this.#byToken.clear();
    }
    if (row.revoked_at !== null) {
      for (const listener of this.#untilRevoked.get(row.id) ?? []) listener();
      return;
    }
    const key = keyOfRow(row);
    this.#byHash.set(key.hash, key);
    this.#byId.set(key.id, key);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.refresh()
        .catch((error: unknown) => this.logger.debug({ err: error }, 'the API keys could not be read; those known stay in force'))
        .finally(() => this.#schedule());
    }, POLL_MS);
    this.#timer.unref();
  }

  async #ensureAdmin(): Promise<string | null> {
    const { adminApiKey } = this.config;
    if (adminApiKey !== null) {
      await this.table.setEnvironmentKey(adminKey('environment', adminApiKey));
      return null;
    }
    const token = newToken();
    return (await this.table.insertFirst(adminKey('first_start', token))) ? token : null;
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => undefined);
    clearTimeout(this.#timer);
  }
}

function adminKey(origin: NewKey['origin'], token: string): NewKey {
  return {
    id: `key_${newCommandId()}`,
    tenant: DEPLOYMENT_TENANT,
    name: 'administrator',
    hash: hashOf(token),
    scopes: ['admin'],
    accounts: null,
    origin,
    createdBy: null,
  };
}

function keyOfRow(row: KeyRow): ApiKey {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    scopes: row.scopes,
    accounts: row.accounts,
    createdAt: row.created_at.toISOString(),
    hash: row.hash,
    may: new Set(row.scopes),
    lastPosition: null,
    tokens: 0,
    refilledAt: 0,
  };
}
