import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  consistencyPlan,
  EMPTY_ROOT,
  GrowingTree,
  inclusionPlan,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootPlan,
  type Hash,
  type NodeHashes,
} from './merkle.js';

/** The test leaves of Certificate Transparency's reference implementation, and the roots and paths that it gives for them. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) =>
  Buffer.from(hex, 'hex'),
);
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** MTH as RFC 9162 §2.1.1 writes it: slow, and independent of the code under test but for the two hashes. */
function mth(leaves: readonly Buffer[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leafHash(leaves[0]!);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

const leavesOf = (size: number): Buffer[] => Array.from({ length: size }, (_, n) => Buffer.from(`fact ${n}`));

function grown(leaves: readonly Buffer[]): { tree: GrowingTree; hashes: NodeHashes } {
  const stored = new Map<string, Hash>();
  const tree = new GrowingTree();
  for (const leaf of leaves) for (const { level, index, hash } of tree.append(leafHash(leaf))) stored.set(`${level}/${index}`, hash);
  const hashes: NodeHashes = ({ level, index }) => {
    const hash = stored.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`no node ${level}/${index}`);
    return hash;
  };
  return { tree, hashes };
}

describe('the tree', () => {
  it('has the roots that Certificate Transparency published', () => {
    expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const tree = new GrowingTree();
    expect(tree.root()).toEqual(EMPTY_ROOT);
    const roots = LEAVES.map((leaf) => (tree.append(leafHash(leaf)), tree.root().toString('hex')));
    expect(roots).toEqual(ROOTS);
  });

  it('is the one of RFC 9162 at every size, and can be gone on with from its edge', () => {
    for (let size = 0; size <= 70; size += 1) {
      const leaves = leavesOf(size);
      const { tree, hashes } = grown(leaves);
      expect(tree.root()).toEqual(mth(leaves));
      expect(rootPlan(size).make(hashes)).toEqual([mth(leaves)]);
      const edge = size === 0 ? [] : rootPlan(size).nodes.map(hashes);
      const resumed = new GrowingTree(size, edge);
      resumed.append(leafHash(Buffer.from('next')));
      expect(resumed.root()).toEqual(mth([...leaves, Buffer.from('next')]));
    }
  });

  it('refuses an edge that is not its own', () => {
    expect(() => new GrowingTree(3, [EMPTY_ROOT])).toThrow('a tree of 3 leaves has another edge than 1 hashes');
  });
});

describe('a proof', () => {
  it('of inclusion is the one that Certificate Transparency published', () => {
    const { hashes } = grown(LEAVES);
    const path = inclusionPlan(5, 8).make(hashes);
    expect(path.map((hash) => hash.toString('hex'))).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  it('of consistency is the one that Certificate Transparency published', () => {
    const { hashes } = grown(LEAVES);
    const path = consistencyPlan(6, 8).make(hashes);
    expect(path.map((hash) => hash.toString('hex'))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  it('of inclusion holds for every leaf of every size, and for no other leaf, place, size or root', () => {
    const { hashes } = grown(leavesOf(40));
    for (let size = 1; size <= 40; size += 1) {
      const root = mth(leavesOf(size));
      for (let index = 0; index < size; index += 1) {
        const leaf = leafHash(leavesOf(size)[index]!);
        const path = inclusionPlan(index, size).make(hashes);
        expect(isIncluded(leaf, index, size, path, root)).toBe(true);
        expect(isIncluded(leafHash(Buffer.from('forged')), index, size, path, root)).toBe(false);
        expect(isIncluded(leaf, index, size, path, leafHash(root))).toBe(false);
        expect(isIncluded(leaf, index, size, [...path, root], root)).toBe(false);
        if (size > 1) {
          expect(isIncluded(leaf, (index + 1) % size, size, path, root)).toBe(false);
          expect(isIncluded(leaf, index, size, path.slice(1), root)).toBe(false);
        }
      }
      expect(isIncluded(leafHash(leavesOf(1)[0]!), size, size, [], root)).toBe(false);
    }
  });

  it('of consistency holds for every pair of sizes, and not where history was changed', () => {
    const leaves = leavesOf(34);
    const { hashes } = grown(leaves);
    const changed = grown(leaves.map((leaf, n) => (n === 3 ? Buffer.from('changed') : leaf)));
    for (let to = 1; to <= 34; to += 1) {
      for (let from = 1; from <= to; from += 1) {
        const [fromRoot, toRoot] = [mth(leaves.slice(0, from)), mth(leaves.slice(0, to))];
        const path = consistencyPlan(from, to).make(hashes);
        expect(isConsistent(from, to, fromRoot, toRoot, path)).toBe(true);
        if (from > 3) {
          const other = changed.hashes;
          const [otherRoot] = rootPlan(to).make(other) as [Hash];
          expect(isConsistent(from, to, fromRoot, otherRoot, consistencyPlan(from, to).make(other))).toBe(false);
        }
        if (from < to) {
          expect(isConsistent(from, to, toRoot, fromRoot, path)).toBe(false);
          expect(isConsistent(from, to, fromRoot, toRoot, [...path, toRoot])).toBe(false);
          expect(isConsistent(from, to, fromRoot, toRoot, path.slice(1))).toBe(false);
        }
      }
    }
    expect(isConsistent(0, 1, EMPTY_ROOT, mth(leaves.slice(0, 1)), [])).toBe(false);
  });

  it('names few nodes, however large the tree is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (size, at) => {
        const index = Math.floor(size * at);
        expect(inclusionPlan(index, size).nodes.length).toBeLessThanOrEqual(46 * 2);
        expect(consistencyPlan(index + 1, size).nodes.length).toBeLessThanOrEqual(46 * 3);
      }),
    );
  });

  it('is not made of what is not there', () => {
    expect(() => inclusionPlan(3, 3)).toThrow('leaf 3 is not in a tree of 3');
    expect(() => consistencyPlan(0, 3)).toThrow('a tree of 0 leaves is no prefix of one of 3');
    expect(() => consistencyPlan(4, 3)).toThrow('a tree of 4 leaves is no prefix of one of 3');
  });
});
