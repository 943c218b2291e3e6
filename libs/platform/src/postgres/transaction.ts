// The one way to a transaction on a connection of the pool; called by every file that speaks to PostgreSQL.
import type pg from 'pg';

/**
 * Commits what `work` did, or undoes it and throws what it threw. `begin` may say more of the transaction than BEGIN. A connection that
 * could not even roll back is not given to anybody again.
 */
export async function inTransaction<Result>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Result>,
  begin = 'BEGIN',
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((lost: unknown) => (broken = lost as Error));
    throw error;
  } finally {
    client.release(broken);
  }
}
