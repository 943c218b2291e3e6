// One process's connections to PostgreSQL: bounded, timed, and never the reason for which the process falls over; made by PlatformModule.
import pg from 'pg';

export interface PoolOptions {
  databaseUrl: string;
  /** The most connections open at once. */
  sizeMax?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** A writer that idles inside its transaction holds others up (the order of the log is a row lock), so it is cut off. */
  idleInTransactionTimeoutMs?: number;
  /** Told of a connection that broke; the pool opens another when one is needed. */
  onError?: (error: Error) => void;
}

export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.sizeMax ?? 10,
    application_name: options.applicationName ?? 'rollcredits',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    // A database host that vanished without a word answers neither: the client gives up a little later by itself.
    query_timeout: (options.statementTimeoutMs ?? 30_000) + 5_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
  });
  const onError = (error: Error): void => {
    // A pool that ends does not wait for its sockets: what the stopping server says to them is no trouble.
    if (!pool.ending) options.onError?.(error);
  };
  // Without a listener an error of an idle connection (pool) or of one checked out (client) would end the process.
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}
