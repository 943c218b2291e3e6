// 2 → 3 · customers' keys in table `customer_keys`, beside the log and never in it.
import type pg from 'pg';
import type { CustomerId, KeyVault, VaultEntry } from '../sealing/key-vault.port.js';
import { KEY_BYTES, randomBytesPooled } from '../sealing/text-sealer.js';
import { asUnavailable } from './unavailable.js';

const FIND = `
  SELECT k.tenant, k.account_id, k.key FROM unnest($1::text[], $2::text[]) AS w (tenant, account_id)
    JOIN customer_keys AS k ON k.tenant = w.tenant COLLATE "C" AND k.account_id = w.account_id COLLATE "C"`;
/** In one order, so that two processes that make keys for the same customers wait for, and never against, each other. */
const CREATE = `
  INSERT INTO customer_keys (tenant, account_id, key)
  SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) AS w (tenant, account_id, key) ORDER BY tenant COLLATE "C", account_id COLLATE "C"
  ON CONFLICT DO NOTHING`;
const ERASE = `
  WITH old AS (SELECT key IS NOT NULL AS had_key FROM customer_keys WHERE tenant = $1 AND account_id = $2)
  INSERT INTO customer_keys (tenant, account_id, key, erased_at) VALUES ($1, $2, NULL, now())
  ON CONFLICT (tenant, account_id) DO UPDATE SET key = NULL, erased_at = coalesce(customer_keys.erased_at, now())
  RETURNING coalesce((SELECT had_key FROM old), false)`;

export class PostgresKeyVault implements KeyVault {
  constructor(private readonly pool: pg.Pool) {}

  async find(ids: readonly CustomerId[]): Promise<VaultEntry[]> {
    const rows = await this.rows<[string, string, Buffer | null]>('find', FIND, columnsOf(ids));
    const found = new Map(rows.map(([tenant, accountId, key]): [string, VaultEntry] => [`${tenant}.${accountId}`, key ?? 'erased']));
    return ids.map(({ tenant, accountId }) => found.get(`${tenant}.${accountId}`));
  }

  async findOrCreate(ids: readonly CustomerId[]): Promise<Array<Exclude<VaultEntry, undefined>>> {
    const found = await this.find(ids);
    const missing = ids.filter((_id, index) => found[index] === undefined);
    if (missing.length === 0) return found as Array<Exclude<VaultEntry, undefined>>;
    await this.rows('create', CREATE, [...columnsOf(missing), missing.map(() => randomBytesPooled(KEY_BYTES))]);
    // Read again: another process may have been faster, and its key is then the customer's.
    return this.findOrCreate(ids);
  }

  async erase({ tenant, accountId }: CustomerId): Promise<boolean> {
    const [row] = await this.rows<[boolean]>('erase', ERASE, [tenant, accountId]);
    return row?.[0] ?? false;
  }

  private async rows<Row extends unknown[]>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.pool.query<Row>({ name: `customer_keys_${name}`, text, values, rowMode: 'array' })).rows;
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}

function columnsOf(ids: readonly CustomerId[]): [string[], string[]] {
  return [ids.map(({ tenant }) => tenant), ids.map(({ accountId }) => accountId)];
}
