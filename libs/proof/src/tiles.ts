// Decides how the tree's hashes are kept: in tiles of 256, as transparency logs serve theirs (C2SP tlog-tiles); called by the proof projection and its reads.
import { invariant } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import { nodeHash, rootPlan, EMPTY_ROOT, type Hash, type NodeHashes, type TreeNode } from './merkle.js';

/** Levels of the tree between two levels of tiles. */
const HEIGHT = 8;
export const TILE_WIDTH = 2 ** HEIGHT;
const HASH_BYTES = 32;

/** A tile of level t holds hashes of complete subtrees of 256^t leaves each: 256 of them, or fewer at the right edge. */
export interface TileId {
  level: number;
  index: number;
}

export interface Tile extends TileId {
  /** 32 bytes each. */
  hashes: Buffer;
  /** Of the leaves, on level 0; empty above. */
  positions: readonly Position[];
}

/** Where a complete subtree's hash is, or the hashes that it is made of: `count` of them, a power of two, in one tile. */
interface Place {
  tile: TileId;
  from: number;
  count: number;
}

function placeOf({ level, index }: TreeNode): Place {
  const tileLevel = Math.floor(level / HEIGHT);
  const count = 2 ** (level % HEIGHT);
  const first = index * count;
  return { tile: { level: tileLevel, index: Math.floor(first / TILE_WIDTH) }, from: first % TILE_WIDTH, count };
}

/** Each tile that the nodes' hashes are made from, once. */
export function tilesOf(nodes: readonly TreeNode[]): TileId[] {
  const wanted = new Map<string, TileId>();
  for (const node of nodes) {
    const { tile } = placeOf(node);
    wanted.set(keyOf(tile), tile);
  }
  return [...wanted.values()];
}

/** Reads nodes out of tiles that were fetched; throws where one is missing or too short. */
export function hashesIn(tiles: readonly Tile[]): NodeHashes {
  const byId = new Map(tiles.map((tile) => [keyOf(tile), tile.hashes]));
  return (node) => {
    const { tile, from, count } = placeOf(node);
    const hashes = byId.get(keyOf(tile));
    invariant(
      hashes !== undefined && hashes.length >= (from + count) * HASH_BYTES,
      () => `tile ${keyOf(tile)} ends before ${from + count}`,
    );
    return perfectHash(hashes, from, count);
  };
}

function perfectHash(hashes: Buffer, from: number, count: number): Hash {
  if (count === 1) return hashes.subarray(from * HASH_BYTES, (from + 1) * HASH_BYTES);
  const half = count / 2;
  return nodeHash(perfectHash(hashes, from, half), perfectHash(hashes, from + half, half));
}

function keyOf({ level, index }: TileId): string {
  return `${level}/${index}`;
}

/** The tiles at the right edge of a tree of that size that are not full: what a writer goes on from. */
export function edgeTiles(size: number): TileId[] {
  const tiles: TileId[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
    if (count % TILE_WIDTH > 0) tiles.push({ level, index: Math.floor(count / TILE_WIDTH) });
  }
  return tiles;
}

interface Edge {
  index: number;
  hashes: Hash[];
  positions: Position[];
}

/** The tree as its writer has it: only the tiles at its right edge. */
export class TiledTree {
  #size: number;
  #takenSize: number;
  readonly #edges: Edge[] = [];
  readonly #changed = new Map<string, Tile>();

  /** Goes on from the tiles of `edgeTiles(size)`. */
  constructor(size = 0, edge: readonly Tile[] = []) {
    this.#size = size;
    this.#takenSize = size;
    const byId = new Map(edge.map((tile) => [keyOf(tile), tile]));
    for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
      const index = Math.floor(count / TILE_WIDTH);
      const length = count % TILE_WIDTH;
      const tile = byId.get(keyOf({ level, index }));
      invariant(length === 0 || tile?.hashes.length === length * HASH_BYTES, () => `tile ${level}/${index} has not ${length} hashes`);
      const hashes = Array.from({ length }, (_, n) => tile!.hashes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES));
      this.#edges.push({ index, hashes, positions: level === 0 && tile !== undefined ? [...tile.positions] : [] });
    }
  }

  get size(): number {
    return this.#size;
  }

  append(leaf: Hash, position: Position): void {
    this.#size += 1;
    this.#push(0, leaf, position);
  }

  #push(level: number, hash: Hash, position: Position | null): void {
    const edge = (this.#edges[level] ??= { index: 0, hashes: [], positions: [] });
    edge.hashes.push(hash);
    if (position !== null) edge.positions.push(position);
    if (edge.hashes.length < TILE_WIDTH) return;
    const hashes = Buffer.concat(edge.hashes);
    this.#changed.set(keyOf({ level, index: edge.index }), { level, index: edge.index, hashes, positions: edge.positions });
    this.#edges[level] = { index: edge.index + 1, hashes: [], positions: [] };
    this.#push(level + 1, perfectHash(hashes, 0, TILE_WIDTH), null);
  }

  /** The tiles that are other than when this was last asked. */
  takeChanged(): Tile[] {
    if (this.#takenSize === this.#size) return [];
    this.#takenSize = this.#size;
    for (const [level, { index, hashes, positions }] of this.#edges.entries()) {
      if (hashes.length === 0) continue;
      // The edge of an upper level changes only where a tile below it became full.
      if (level > 0 && !this.#changed.has(keyOf({ level: level - 1, index: index * TILE_WIDTH + hashes.length - 1 }))) continue;
      this.#changed.set(keyOf({ level, index }), { level, index, hashes: Buffer.concat(hashes), positions: [...positions] });
    }
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    return changed;
  }

  root(): Hash {
    if (this.#size === 0) return EMPTY_ROOT;
    const edge = this.#edges.map(({ index, hashes }, level) => ({ level, index, hashes: Buffer.concat(hashes), positions: [] }));
    return rootPlan(this.#size).make(hashesIn(edge))[0] as Hash;
  }
}
