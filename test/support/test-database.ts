// A fresh, migrated database for one test suite, on the run's own PostgreSQL; dropped at the end.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '#libs/platform';
import { until } from './until.js';

const OBJECT_IN_USE = '55006';

export interface TestDatabase {
  url: string;
  pool: pg.Pool;
  drop(): Promise<void>;
}

/** `migrated: false` leaves it empty. */
export async function createTestDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const admin = process.env['TEST_POSTGRES_URL'];
  if (admin === undefined) throw new Error('TEST_POSTGRES_URL is not set: run the suite through `npm test`');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await once(admin, `CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  if (options.migrated !== false) await migrate(url.href);
  const pool = new pg.Pool({ connectionString: url.href, max: 10 });
  pool.on('error', () => undefined);
  return {
    url: url.href,
    pool,
    async drop() {
      await pool.end();
      // On a busy machine, backends that were told to end are there for longer than PostgreSQL waits for them.
      await until(() =>
        once(admin, `DROP DATABASE ${name} WITH (FORCE)`).then(
          () => true,
          (error: unknown) => {
            if ((error as { code?: string }).code !== OBJECT_IN_USE) throw error;
            return false;
          },
        ),
      );
    },
  };
}

async function once(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
