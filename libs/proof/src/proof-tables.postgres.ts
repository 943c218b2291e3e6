// 4 project · where tiles and signed heads are kept; the only file with that SQL. Called by the builder, the reads and verify.
import type pg from 'pg';
import type { Position } from '#libs/event-store';
import { inTransaction, type Lease } from '#libs/platform';
import { VerifierKey, type Head } from './checkpoint.js';
import type { Tile, TileId } from './tiles.js';

/** How far the tree has been built. */
export interface TreeState {
  size: number;
  /** Every fact up to here is a leaf. */
  position: Position;
  /** Of the last leaf; empty before the first. */
  lastPosition: Position;
}

export interface SignedHead extends Omit<Head, 'origin'> {
  checkpoint: string;
}

/** Another process builds the tree now, or has moved on: nothing was written. */
export class ProofFencedOut extends Error {
  override readonly name = 'ProofFencedOut';
}

export class ProofTables {
  constructor(private readonly pool: pg.Pool) {}

  async state(): Promise<TreeState> {
    const { rows } = await this.pool.query<{ size: string; position: Position; last_position: Position }>({
      name: 'proof_state',
      text: 'SELECT size, position, last_position FROM proof_log',
    });
    const row = rows[0] as { size: string; position: Position; last_position: Position };
    return { size: Number(row.size), position: row.position, lastPosition: row.last_position };
  }

  /** Those that exist. */
  async tiles(ids: readonly TileId[]): Promise<Tile[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.pool.query<{ level: number; index: string; hashes: Buffer; positions: string[] }>({
      name: 'proof_tiles',
      text: `SELECT t.level, t.index, t.hashes, t.positions FROM proof_tiles AS t
               JOIN unnest($1::smallint[], $2::bigint[]) AS w (level, index) ON t.level = w.level AND t.index = w.index`,
      values: [ids.map(({ level }) => level), ids.map(({ index }) => index)],
    });
    return rows.map(({ level, index, hashes, positions }) => ({ level, index: Number(index), hashes, positions }));
  }

  /** The leaf that the fact at this position is; null where no leaf has it. */
  async leafAt(position: Position): Promise<number | null> {
    const { rows } = await this.pool.query<{ leaf: string | null }>({
      name: 'proof_leaf_at',
      text: `SELECT t.index * 256 + array_position(t.positions, $1) - 1 AS leaf FROM proof_tiles AS t
              WHERE t.level = 0 AND t.positions[1] <= $1 ORDER BY t.positions[1] DESC LIMIT 1`,
      values: [position],
    });
    const leaf = rows[0]?.leaf ?? null;
    return leaf === null ? null : Number(leaf);
  }

  /** Tiles and state together, or neither. Throws {@link ProofFencedOut}. */
  async advance(lease: Lease, from: TreeState, to: TreeState, changed: readonly Tile[]): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      if (!(await lease.fence(client))) throw new ProofFencedOut('another process builds the proof');
      for (const tile of changed) await putTile(client, tile);
      const moved = await client.query(
        'UPDATE proof_log SET size = $3, position = $4, last_position = $5, updated_at = clock_timestamp() WHERE size = $1 AND position = $2',
        [from.size, from.position, to.size, to.position, to.lastPosition],
      );
      if (moved.rowCount !== 1) throw new ProofFencedOut(`the tree does not stand at ${from.size} leaves any more`);
    });
  }

  /** Keeps the head unless one of that size is kept already; answers the one that is. */
  async keepHead(head: SignedHead): Promise<SignedHead> {
    await this.pool.query(
      'INSERT INTO proof_heads (tree_size, root, position, time, checkpoint) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tree_size) DO NOTHING',
      [head.treeSize, head.rootHash, head.position, head.time, head.checkpoint],
    );
    return (await this.headOf(head.treeSize)) ?? head;
  }

  async headOf(treeSize: number): Promise<SignedHead | null> {
    const { rows } = await this.pool.query<HeadRow>('SELECT * FROM proof_heads WHERE tree_size = $1', [treeSize]);
    return rows[0] === undefined ? null : headOfRow(rows[0]);
  }

  /** Newest first, smaller than `below` where that is given. */
  async heads(limit: number, below: number | null): Promise<SignedHead[]> {
    const { rows } = await this.pool.query<HeadRow>({
      name: 'proof_heads',
      text: 'SELECT * FROM proof_heads WHERE $2::bigint IS NULL OR tree_size < $2 ORDER BY tree_size DESC LIMIT $1',
      values: [limit, below],
    });
    return rows.map(headOfRow);
  }

  /** The first key stays: answers the one that is in force. */
  async claimKey(origin: string, publicKey: Buffer): Promise<{ origin: string; publicKey: Buffer }> {
    await this.pool.query('INSERT INTO proof_key (origin, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING', [origin, publicKey]);
    const { rows } = await this.pool.query<{ origin: string; public_key: Buffer }>('SELECT origin, public_key FROM proof_key');
    const row = rows[0] as { origin: string; public_key: Buffer };
    return { origin: row.origin, publicKey: row.public_key };
  }

  /** Null where nothing was ever signed. */
  async key(): Promise<VerifierKey | null> {
    const { rows } = await this.pool.query<{ origin: string; public_key: Buffer }>('SELECT origin, public_key FROM proof_key');
    return rows[0] === undefined ? null : VerifierKey.ofBytes(rows[0].origin, rows[0].public_key);
  }

  async deploymentId(): Promise<string> {
    const { rows } = await this.pool.query<{ deployment_id: string }>('SELECT deployment_id FROM deployment');
    return (rows[0] as { deployment_id: string }).deployment_id;
  }
}

async function putTile(client: pg.PoolClient, { level, index, hashes, positions }: Tile): Promise<void> {
  await client.query({
    name: 'proof_put_tile',
    text: `INSERT INTO proof_tiles (level, index, hashes, positions) VALUES ($1, $2, $3, $4)
           ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes, positions = excluded.positions`,
    values: [level, index, hashes, positions],
  });
}

interface HeadRow {
  tree_size: string;
  root: Buffer;
  position: Position;
  time: string;
  checkpoint: string;
}

function headOfRow({ tree_size, root, position, time, checkpoint }: HeadRow): SignedHead {
  return { treeSize: Number(tree_size), rootHash: root, position, time, checkpoint };
}
