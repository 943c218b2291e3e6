// 1 HTTP in · the table of API keys: read in changes, written with a number per change; called by ApiKeys only.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import type { Scope } from './api-key.js';

export type KeyOrigin = 'api' | 'environment' | 'first_start';

export interface KeyRow {
  id: string;
  tenant: string;
  name: string;
  /** Hex SHA-256. */
  hash: string;
  scopes: Scope[];
  accounts: string[] | null;
  created_at: Date;
  revoked_at: Date | null;
  change: string;
}

export interface NewKey {
  id: string;
  tenant: string;
  name: string;
  hash: string;
  scopes: readonly Scope[];
  accounts: readonly string[] | null;
  origin: KeyOrigin;
  createdBy: string | null;
}

const COLUMNS = "id, tenant, name, encode(hash, 'hex') AS hash, scopes, accounts, created_at, revoked_at, change";

export class ApiKeysTable {
  constructor(private readonly pool: pg.Pool) {}

  async changesAfter(change: string): Promise<KeyRow[]> {
    const { rows } = await this.pool.query<KeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE change > $1 ORDER BY change`, [change]);
    return rows;
  }

  async find(id: string): Promise<KeyRow | null> {
    const { rows } = await this.pool.query<KeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE id = $1`, [id]);
    return rows[0] ?? null;
  }

  /** Oldest first, after the row named by the cursor. */
  async list(
    tenant: string,
    after: { createdAt: string; id: string } | null,
    limit: number,
  ): Promise<Array<KeyRow & { created_exactly: string }>> {
    const { rows } = await this.pool.query<KeyRow & { created_exactly: string }>(
      `SELECT ${COLUMNS}, created_at::text AS created_exactly FROM api_keys
       WHERE tenant = $1 AND revoked_at IS NULL AND ($2::timestamptz IS NULL OR (created_at, id) > ($2::timestamptz, $3::text))
       ORDER BY created_at, id LIMIT $4`,
      [tenant, after?.createdAt ?? null, after?.id ?? null, limit],
    );
    return rows;
  }

  /** Null when the id stands there already: somebody else made the key and shows its text. */
  async insert(key: NewKey): Promise<KeyRow | null> {
    return this.#inTransaction(async (client, change) => {
      const { rows } = await client.query<KeyRow>(
        `INSERT INTO api_keys (id, tenant, name, hash, scopes, accounts, origin, created_by, change)
         VALUES ($1, $2, $3, decode($4, 'hex'), $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO NOTHING
         RETURNING ${COLUMNS}`,
        [key.id, key.tenant, key.name, key.hash, key.scopes, key.accounts, key.origin, key.createdBy, change],
      );
      return rows[0] ?? null;
    });
  }

  /** False when the tenant has no such key. */
  async revoke(tenant: string, id: string): Promise<boolean> {
    return this.#inTransaction(async (client, change) => {
      const { rowCount } = await client.query(
        'UPDATE api_keys SET revoked_at = now(), change = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL',
        [tenant, id, change],
      );
      return rowCount === 1;
    });
  }

  /** The configured administrator takes the place of the one configured before. */
  async setEnvironmentKey(key: NewKey): Promise<void> {
    await this.#inTransaction(async (client, change) => {
      const { rows } = await client.query<KeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE hash = decode($1, 'hex') AND revoked_at IS NULL`, [
        key.hash,
      ]);
      const present = rows[0];
      await client.query(
        "UPDATE api_keys SET revoked_at = now(), change = $2 WHERE origin = 'environment' AND revoked_at IS NULL AND hash <> decode($1, 'hex')",
        [key.hash, change],
      );
      if (present !== undefined) return;
      await client.query(
        `INSERT INTO api_keys (id, tenant, name, hash, scopes, accounts, origin, created_by, change)
         VALUES ($1, $2, $3, decode($4, 'hex'), $5, NULL, 'environment', NULL, $6)
         ON CONFLICT (hash) DO UPDATE SET revoked_at = NULL, change = excluded.change, tenant = excluded.tenant, scopes = excluded.scopes, accounts = NULL, origin = 'environment'`,
        [key.id, key.tenant, key.name, key.hash, key.scopes, change],
      );
    });
  }

  /** Inserts the first administrator if no key was ever made; false if one was. */
  async insertFirst(key: NewKey): Promise<boolean> {
    return this.#inTransaction(async (client, change) => {
      const { rows } = await client.query('SELECT 1 FROM api_keys LIMIT 1');
      if (rows.length > 0) return false;
      await client.query(
        `INSERT INTO api_keys (id, tenant, name, hash, scopes, accounts, origin, created_by, change)
         VALUES ($1, $2, $3, decode($4, 'hex'), $5, NULL, 'first_start', NULL, $6)`,
        [key.id, key.tenant, key.name, key.hash, key.scopes, change],
      );
      return true;
    });
  }

  /** The counter's row lock makes changes visible in the order of their numbers. */
  #inTransaction<Result>(work: (client: pg.PoolClient, change: string) => Promise<Result>): Promise<Result> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ change: string }>('UPDATE api_key_changes SET change = change + 1 RETURNING change');
      return work(client, (rows[0] as { change: string }).change);
    });
  }
}
