// query · several reads as of one moment, and of the position that the named read models stood at then; called by the queries of this folder.
import type pg from 'pg';
import { inTransaction } from '#libs/platform';
import { POSITION_START, type Position } from '#libs/event-store';

export interface Snapshot {
  client: pg.ClientBase;
  position: Position;
}

const SELECT_POSITION = `SELECT min(position) AS position FROM projection_versions WHERE state = 'active' AND name = ANY($1::text[])`;

/** Read only; what is written meanwhile is not seen. */
export async function inSnapshot<Result>(
  pool: pg.Pool,
  models: readonly string[],
  read: (at: Snapshot) => Promise<Result>,
): Promise<Result> {
  return inTransaction(
    pool,
    async (client) => {
      const { rows } = await client.query<{ position: string | null }>(SELECT_POSITION, [models]);
      return read({ client, position: rows[0]?.position ?? POSITION_START });
    },
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  );
}
