// Makes the database of a process ready for use before anything is composed on it; every main calls it.
import type pg from 'pg';
import type { Logger } from 'pino';
import { assertTestClock, createPool, migrate, type Config, type Lifetime } from '#libs/platform';

/**
 * Migrates (several processes at once are safe: the first does it, the others wait), opens the process's pool, which is closed after
 * everything that uses it, and checks that the clock of the data is the clock of the configuration. Throws a StartupError.
 */
export async function openDatabase(
  process: string,
  databaseUrl: string,
  config: Config,
  logger: Logger,
  lifetime: Lifetime,
): Promise<pg.Pool> {
  const applied = await migrate(databaseUrl);
  if (applied.length > 0) logger.info({ applied }, 'the database was migrated');
  lifetime.goOn();
  const pool = createPool({
    databaseUrl,
    sizeMax: config.poolSize,
    applicationName: `rollcredits-${process}`,
    onError: (error) => logger.warn({ err: error }, 'a connection to PostgreSQL broke'),
  });
  lifetime.onStop(() => pool.end());
  await assertTestClock(pool, config);
  lifetime.goOn();
  return pool;
}
