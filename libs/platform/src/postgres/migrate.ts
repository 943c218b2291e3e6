// Brings a database to the schema that this code needs: numbered files, forward only, one process at a time.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

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

/** Applies what is missing, each file in a transaction of its own; answers the names applied. Throws if an applied file was changed since. */
export async function migrate(databaseUrl: string, migrations = readMigrations()): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<{ name: string; checksum: string }>('SELECT name, checksum FROM schema_migrations');
    const applied = new Map(rows.map((row) => [row.name, row.checksum]));
    const unknown = [...applied.keys()].filter((name) => !migrations.some((migration) => migration.name === name));
    if (unknown.length > 0)
      throw new Error(`the database was migrated by a newer release: it has ${unknown.join(', ')}, which this one does not know`);
    const done: string[] = [];
    for (const migration of migrations) {
      const checksum = applied.get(migration.name);
      if (checksum === migration.checksum) continue;
      if (checksum !== undefined) throw new Error(`migration ${migration.name} was changed after it had been applied`);
      await client.query('BEGIN');
      await client.query(migration.sql);
      await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [migration.name, migration.checksum]);
      await client.query('COMMIT');
      done.push(migration.name);
    }
    return done;
  } finally {
    await client.end();
  }
}

function checkoutRoot(): string {
  // This file is libs/platform/src/postgres/migrate.ts in source and dist/libs/platform/src/postgres/migrate.js when built.
  const source = join(import.meta.dirname, '..', '..', '..', '..');
  return source.endsWith('dist') ? join(source, '..') : source;
}
