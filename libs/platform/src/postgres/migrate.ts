// Brings a database to the schema that this code needs: numbered files, forward only, one process at a time.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { StartupError } from '../startup-error.js';

/** The migrations of this checkout, whether the code runs from source or from dist/. */
export function migrationsDir(): string {
  return join(checkoutRoot(), 'infra', 'postgres', 'migrations');
}

/** Any constant serves: it names the lock of this product's migrations among the database's advisory locks. */
const MIGRATION_LOCK = 7_261_020_651;

export interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

export function readMigrations(directory = migrationsDir()): Migration[] {
  return readdirSync(directory)
    .filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(join(directory, file), 'utf8');
      return { name: file.slice(0, -4), sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** The oldest PostgreSQL whose SQL the migrations may use, as server_version_num. */
const SERVER_VERSION_MIN = 140_000;

/**
 * Applies what is missing, each file in a transaction of its own; answers the names applied. A process that comes second waits for the
 * first and finds it done. Throws a StartupError where the database is not this release's to use; nothing is half applied.
 */
export async function migrate(databaseUrl: string, migrations = readMigrations()): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000, application_name: 'rollcredits-migrate' });
  // A lost connection also fails the query that is under way; unheard, the event would end the process without a word.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await assertServerVersion(client);
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const missing = await missingMigrations(client, migrations);
    for (const migration of missing) await apply(client, migration);
    return missing.map((migration) => migration.name);
  } finally {
    // The advisory lock goes with the connection.
    await client.end().catch(() => undefined);
  }
}

async function assertServerVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number; shown: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown`,
  );
  const server = rows[0];
  if (server !== undefined && server.version < SERVER_VERSION_MIN) {
    throw new StartupError(`the database runs PostgreSQL ${server.shown}, and this release needs 14 or newer`);
  }
}

async function missingMigrations(client: pg.Client, migrations: Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; checksum: string }>('SELECT name, checksum FROM schema_migrations ORDER BY name');
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  const unknown = [...applied.keys()].filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length > 0) {
    throw new StartupError(`the database was migrated by a newer release: it has ${unknown.join(', ')}, which this one does not know`);
  }
  const changed = migrations.find(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum);
  if (changed !== undefined) throw new StartupError(`the migration ${changed.name} was changed after it had been applied to this database`);
  return migrations.filter(({ name }) => !applied.has(name));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new StartupError(
      `the migration ${name} could not be applied, and the database is as it was before it: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function checkoutRoot(): string {
  // This file is libs/platform/src/postgres/migrate.ts in source and dist/libs/platform/src/postgres/migrate.js when built.
  const source = join(import.meta.dirname, '..', '..', '..', '..');
  return source.endsWith('dist') ? join(source, '..') : source;
}
