// 5 react · how far a follower has seen the log: read when it begins, moved by compare-and-set under its lease, with the rows that it makes of the facts.
import type pg from 'pg';
import { POSITION_START, type Position } from '#libs/event-store';
import { inTransaction, type Lease } from '#libs/platform';

/** Another process follows, or has followed, from here: this one has to begin anew. */
export class FollowerFencedOut extends Error {
  override readonly name = 'FollowerFencedOut';
}

/** Written in the transaction of a checkpoint. */
export type RowsOfPage = (client: pg.ClientBase) => Promise<void>;

export class FollowerCheckpoint {
  constructor(
    private readonly pool: pg.Pool,
    private readonly name: string,
  ) {}

  async read(): Promise<Position> {
    await this.pool.query('INSERT INTO log_followers (name, position) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
      this.name,
      POSITION_START,
    ]);
    const { rows } = await this.pool.query<{ position: string }>('SELECT position FROM log_followers WHERE name = $1', [this.name]);
    return rows[0]!.position;
  }

  /** Throws {@link FollowerFencedOut} where the checkpoint does not stand at `from` or the lease is another's: nothing was written then. */
  async advance(lease: Lease, from: Position, to: Position, rows: RowsOfPage | null): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      if (!(await lease.fence(client))) throw new FollowerFencedOut(`the lease of ${this.name} is another’s`);
      const { rowCount } = await client.query({
        name: 'follower_advance',
        text: 'UPDATE log_followers SET position = $3, advanced_at = clock_timestamp() WHERE name = $1 AND position = $2 COLLATE "C"',
        values: [this.name, from, to],
      });
      if (rowCount !== 1) throw new FollowerFencedOut(`the checkpoint of ${this.name} is not at ${from}`);
      await rows?.(client);
    });
  }
}
