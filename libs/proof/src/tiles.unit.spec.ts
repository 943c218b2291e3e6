import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { consistencyPlan, GrowingTree, inclusionPlan, isConsistent, isIncluded, leafHash, rootPlan, type HashPlan } from './merkle.js';
import { edgeTiles, hashesIn, TiledTree, tilesOf, type Tile } from './tiles.js';

const leaf = (n: number): Buffer => leafHash(Buffer.from(`fact ${n}`));
const position = (n: number): string => String(n * 3).padStart(16, '0');

/** A store of tiles as a table is one: the newest form of each. */
class Tiles {
  readonly #rows = new Map<string, Tile>();

  keep(tiles: readonly Tile[]): void {
    for (const tile of tiles) this.#rows.set(`${tile.level}/${tile.index}`, tile);
  }

  get(ids: ReadonlyArray<{ level: number; index: number }>): Tile[] {
    return ids.flatMap(({ level, index }) => this.#rows.get(`${level}/${index}`) ?? []);
  }

  make(plan: HashPlan): Buffer[] {
    return plan.make(hashesIn(this.get(tilesOf(plan.nodes))));
  }
}

describe('a tree in tiles', () => {
  it('is the tree of RFC 9162, written in batches of any size, by writers that begin anew at any place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 6 }), (batches) => {
        const rows = new Tiles();
        const whole = new GrowingTree();
        let size = 0;
        for (const batch of batches) {
          const writer = new TiledTree(size, rows.get(edgeTiles(size)));
          for (let n = 0; n < batch; n += 1, size += 1) {
            writer.append(leaf(size), position(size));
            whole.append(leaf(size));
          }
          rows.keep(writer.takeChanged());
          expect(writer.root()).toEqual(whole.root());
          expect(rows.make(rootPlan(size))).toEqual([whole.root()]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('proves every leaf and every prefix from the tiles alone', () => {
    const rows = new Tiles();
    const writer = new TiledTree();
    const size = 66_000;
    const roots = new Map<number, Buffer>();
    for (let n = 0; n < size; n += 1) {
      if ([1, 255, 256, 257, 4_096, 65_536, 65_537].includes(n)) roots.set(n, writer.root());
      writer.append(leaf(n), position(n));
    }
    rows.keep(writer.takeChanged());
    const root = writer.root();
    for (const index of [0, 1, 255, 256, 511, 65_535, 65_536, 65_791, size - 1]) {
      expect(isIncluded(leaf(index), index, size, rows.make(inclusionPlan(index, size)), root)).toBe(true);
    }
    for (const [from, fromRoot] of roots) {
      expect(isConsistent(from, size, fromRoot, root, rows.make(consistencyPlan(from, size)))).toBe(true);
      // Also as of an older size, though its edge tiles have grown since.
      expect(rows.make(rootPlan(from))).toEqual([fromRoot]);
      expect(isIncluded(leaf(from - 1), from - 1, from, rows.make(inclusionPlan(from - 1, from)), fromRoot)).toBe(true);
    }
  });

  it('hands over only what changed, with the positions of its leaves', () => {
    const writer = new TiledTree();
    for (let n = 0; n < 300; n += 1) writer.append(leaf(n), position(n));
    expect(writer.takeChanged().map(({ level, index, hashes, positions }) => [level, index, hashes.length / 32, positions.length])).toEqual(
      [
        [0, 0, 256, 256],
        [0, 1, 44, 44],
        [1, 0, 1, 0],
      ],
    );
    expect(writer.takeChanged()).toEqual([]);
    writer.append(leaf(300), position(300));
    expect(writer.takeChanged()).toMatchObject([{ level: 0, index: 1, positions: expect.arrayContaining([position(300)]) }]);
  });

  it('does not go on from tiles that are not its edge', () => {
    expect(() => new TiledTree(3, [])).toThrow('tile 0/0 has not 3 hashes');
    expect(() => hashesIn([])({ level: 0, index: 0 })).toThrow('tile 0/0 ends before 1');
  });
});
