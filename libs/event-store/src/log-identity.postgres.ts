// Decides whether this database and this log belong together: positions of one log mean nothing in another; called once at every start.
import type pg from 'pg';
import { StartupError } from '#libs/platform';

const REMEMBER = 'UPDATE deployment SET event_log = $1 WHERE event_log IS NULL';
const REMEMBERED = 'SELECT event_log FROM deployment';
const HAS_FACTS = 'SELECT EXISTS (SELECT 1 FROM events) AS found';

export const POSTGRES_LOG = 'postgres';

/** Throws a StartupError where the database was filled from another log. `identity`: what the log is called for good. */
export async function assertSameLog(pool: pg.Pool, identity: string): Promise<void> {
  if (identity !== POSTGRES_LOG) {
    const { rows } = await pool.query<{ found: boolean }>(HAS_FACTS);
    if (rows[0]?.found === true)
      throw new StartupError(
        'this database holds a log of its own: EVENT_STORE=eventstoredb begins with a new one, facts are not moved over',
      );
  }
  await pool.query(REMEMBER, [identity]);
  const { rows } = await pool.query<{ event_log: string }>(REMEMBERED);
  const remembered = rows[0]?.event_log;
  if (remembered !== identity)
    throw new StartupError(
      `this database belongs to the log "${String(remembered)}", and not to "${identity}": check EVENT_STORE, EVENTSTOREDB_URL and EVENTSTOREDB_STREAM_PREFIX`,
    );
}
