// 5 react · the assets that wait to be copied, as rows: put in with the checkpoint, read by the one process that copies, taken out when the log has the outcome.
import type pg from 'pg';
import type { StoredAsset, UnstoredAsset } from '#libs/tasks';

export type Outcome = { kept: Omit<StoredAsset, 'index' | 'late' | 'sourceUrl'> } | { gaveUp: Pick<UnstoredAsset, 'code' | 'detail'> };

export interface WantedAsset {
  index: number;
  late: boolean;
  sourceUrl: string;
  mediaType: string;
  /** Null until it is known, for good. */
  outcome: Outcome | null;
}

/** Of one fact that names assets. */
export interface AssetCopy {
  stream: string;
  revision: number;
  tenant: string;
  eventId: string;
  correlationId: string;
  assets: WantedAsset[];
  /** That failed so far. */
  tries: number;
}

interface CopyRow {
  stream: string;
  revision: number;
  tenant: string;
  event_id: string;
  correlation_id: string;
  assets: WantedAsset[];
  tries: number;
}

export class AssetQueue {
  constructor(private readonly pool: pg.Pool) {}

  async put(client: pg.ClientBase, copies: readonly AssetCopy[]): Promise<void> {
    await client.query({
      name: 'asset_copies_put',
      text: `INSERT INTO asset_copies (stream, revision, tenant, event_id, correlation_id, assets)
             SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) ON CONFLICT DO NOTHING`,
      values: [
        copies.map(({ stream }) => stream),
        copies.map(({ revision }) => revision),
        copies.map(({ tenant }) => tenant),
        copies.map(({ eventId }) => eventId),
        copies.map(({ correlationId }) => correlationId),
        copies.map(({ assets }) => JSON.stringify(assets)),
      ],
    });
  }

  /** The longest waiting first. */
  async due(limit: number): Promise<AssetCopy[]> {
    const { rows } = await this.pool.query<CopyRow>({
      name: 'asset_copies_due',
      text: `SELECT stream, revision, tenant, event_id, correlation_id, assets, tries FROM asset_copies
              WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1`,
      values: [limit],
    });
    return rows.map(({ event_id: eventId, correlation_id: correlationId, ...row }) => ({ ...row, eventId, correlationId }));
  }

  async remove(copies: readonly AssetCopy[]): Promise<void> {
    await this.pool.query({
      name: 'asset_copies_remove',
      text: `DELETE FROM asset_copies AS c USING unnest($1::text[], $2::int[]) AS t (stream, revision)
              WHERE c.stream = t.stream COLLATE "C" AND c.revision = t.revision`,
      values: [copies.map(({ stream }) => stream), copies.map(({ revision }) => revision)],
    });
  }

  /** Its outcomes so far are kept, so that nothing is copied twice. */
  async tryAgain({ stream, revision, assets, tries }: AssetCopy, afterMs: number, error: string): Promise<void> {
    await this.pool.query({
      name: 'asset_copies_again',
      text: `UPDATE asset_copies SET assets = $3, tries = $4, due_at = clock_timestamp() + $5 * interval '1 millisecond', last_error = $6
              WHERE stream = $1 AND revision = $2`,
      values: [stream, revision, JSON.stringify(assets), tries, afterMs, error.slice(0, 500)],
    });
  }

  async waiting(): Promise<number> {
    const { rows } = await this.pool.query<{ copies: string }>('SELECT count(*) AS copies FROM asset_copies');
    return Number(rows[0]?.copies ?? 0);
  }
}
