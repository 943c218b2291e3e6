// 6 publish · how far the log is published: read at the start, moved by compare-and-set under the lease's token after the brokers' acknowledgement.
import type pg from 'pg';
import type { Position } from '#libs/event-store';
import type { Lease } from '#libs/platform';

export interface RelayFailure {
  position: Position;
  error: string;
}

/** Somebody else published from here on, or holds the lease: this process has to begin anew. */
export class RelayFencedOut extends Error {
  override readonly name = 'RelayFencedOut';
}

const OURS = 'EXISTS (SELECT 1 FROM leases WHERE name = $1 AND owner = $2 AND token = $3)';

export class RelayCheckpoint {
  constructor(private readonly pool: pg.Pool) {}

  async read(): Promise<{ position: Position; failure: RelayFailure | null }> {
    const { rows } = await this.pool.query<{ position: string; failed_position: string | null; failed_error: string | null }>(
      'SELECT position, failed_position, failed_error FROM relay',
    );
    const row = rows[0]!;
    const failure = row.failed_position === null ? null : { position: row.failed_position, error: row.failed_error ?? '' };
    return { position: row.position, failure };
  }

  /** Throws {@link RelayFencedOut} when the row does not stand at `from` or the lease is another's. */
  async advance(lease: Lease, from: Position, to: Position): Promise<void> {
    const { rowCount } = await this.pool.query({
      name: 'relay_advance',
      text: `UPDATE relay SET position = $5, advanced_at = clock_timestamp(), failed_position = NULL, failed_error = NULL, failed_at = NULL
              WHERE position = $4 COLLATE "C" AND ${OURS}`,
      values: [lease.name, lease.owner, lease.token, from, to],
    });
    if (rowCount !== 1) throw new RelayFencedOut(`the relay's checkpoint is not at ${from}, or the lease is another's`);
  }

  /** Answers whether an operator allowed this fact to be left out. */
  async fail(lease: Lease, failure: RelayFailure): Promise<boolean> {
    const { rows } = await this.pool.query<{ skip: boolean }>(
      `UPDATE relay SET failed_position = $4, failed_error = $5, failed_at = coalesce(failed_at, clock_timestamp())
        WHERE ${OURS} RETURNING skip_position IS NOT DISTINCT FROM $4 AS skip`,
      [lease.name, lease.owner, lease.token, failure.position, failure.error],
    );
    const row = rows[0];
    if (row === undefined) throw new RelayFencedOut('the lease of the relay is another’s');
    return row.skip;
  }
}
