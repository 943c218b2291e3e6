// Decides how facts become one tree of hashes, and which of its nodes prove what (RFC 9162 §2.1); called by the proof projection, the API and the CLI.
import { createHash } from 'node:crypto';
import { invariant } from '#libs/kernel';

/** SHA-256: 32 bytes. */
export type Hash = Buffer;

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

export function leafHash(leaf: Uint8Array): Hash {
  return createHash('sha256').update(LEAF).update(leaf).digest();
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** Of the tree without a leaf. */
export const EMPTY_ROOT: Hash = createHash('sha256').digest();

/**
 * A complete subtree: the leaves [index·2^level, (index + 1)·2^level). Once complete it never changes, so it is what is stored; every other
 * hash of any tree size is made from these.
 */
export interface TreeNode {
  level: number;
  index: number;
}

/** A run of leaves, end exclusive. */
interface Range {
  begin: number;
  end: number;
}

/** Answers the hash of a complete subtree; throws where it has none. */
export type NodeHashes = (node: TreeNode) => Hash;

/** The complete subtrees that a run of leaves is made of, from left to right; `begin` is where a subtree of the tree begins. */
function nodesOf({ begin, end }: Range): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = begin; at < end;) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** MTH of RFC 9162 §2.1.1 over a run of leaves. */
function hashOf(range: Range, hashes: NodeHashes): Hash {
  const parts = nodesOf(range).map(hashes);
  const last = parts.pop();
  if (last === undefined) return EMPTY_ROOT;
  return parts.reduceRight((right, left) => nodeHash(left, right), last);
}

/** The largest power of two below n; n ≥ 2. Not by shifts: trees may outgrow 32 bits. */
function splitOf(size: number): number {
  let width = 1;
  while (width * 2 < size) width *= 2;
  return width;
}

/** PATH of RFC 9162 §2.1.3.1, as the runs of leaves whose hashes it lists, from the leaf upwards. */
function inclusionRanges(index: number, size: number): Range[] {
  const ranges: Range[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (index < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return ranges.reverse();
}

/** PROOF of RFC 9162 §2.1.4.1, likewise. */
function consistencyRanges(from: number, to: number): Range[] {
  const ranges: Range[] = [];
  let begin = 0;
  let end = to;
  // Whether the old tree is a prefix of this subtree that the verifier knows the hash of already.
  let isKnown = true;
  while (from < end) {
    const middle = begin + splitOf(end - begin);
    if (from <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
      isKnown = false;
    }
  }
  if (!isKnown) ranges.push({ begin, end });
  return ranges.reverse();
}

/** A list of hashes that can be made once the hashes of the nodes it names have been read. */
export interface HashPlan {
  /** In the order that a store may like; each once. */
  nodes: TreeNode[];
  make(hashes: NodeHashes): Hash[];
}

function planOf(ranges: readonly Range[]): HashPlan {
  return { nodes: ranges.flatMap(nodesOf), make: (hashes) => ranges.map((range) => hashOf(range, hashes)) };
}

/** The root of the tree of the first `size` leaves. */
export function rootPlan(size: number): HashPlan {
  assertSize(size);
  return planOf([{ begin: 0, end: size }]);
}

/** That leaf `index` is in the tree of the first `size` leaves. */
export function inclusionPlan(index: number, size: number): HashPlan {
  assertSize(size);
  invariant(Number.isSafeInteger(index) && index >= 0 && index < size, () => `leaf ${index} is not in a tree of ${size}`);
  return planOf(inclusionRanges(index, size));
}

/** That the tree of the first `from` leaves is a prefix of that of the first `to`; 1 ≤ from ≤ to. */
export function consistencyPlan(from: number, to: number): HashPlan {
  assertSize(to);
  invariant(Number.isSafeInteger(from) && from >= 1 && from <= to, () => `a tree of ${from} leaves is no prefix of one of ${to}`);
  return planOf(from === to ? [] : consistencyRanges(from, to));
}

function assertSize(size: number): void {
  invariant(Number.isSafeInteger(size) && size >= 0, () => `no tree has ${size} leaves`);
}

/** RFC 9162 §2.1.3.2: whether the path leads from the leaf to the root. */
export function isIncluded(leaf: Hash, index: number, size: number, path: readonly Hash[], root: Hash): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const step of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(step, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      hash = nodeHash(hash, step);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && hash.equals(root);
}

/** RFC 9162 §2.1.4.2: whether the path shows that the tree with `fromRoot` is a prefix of the tree with `toRoot`. */
export function isConsistent(from: number, to: number, fromRoot: Hash, toRoot: Hash, path: readonly Hash[]): boolean {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 1 || from > to) return false;
  if (from === to) return path.length === 0 && fromRoot.equals(toRoot);
  const isComplete = Number.isInteger(Math.log2(from));
  const steps = isComplete ? [fromRoot, ...path] : [...path];
  const first = steps.shift();
  if (first === undefined) return false;
  let fn = from - 1;
  let sn = to - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let old = first;
  let now = first;
  for (const step of steps) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      old = nodeHash(step, old);
      now = nodeHash(step, now);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      now = nodeHash(now, step);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && old.equals(fromRoot) && now.equals(toRoot);
}

/** A tree that only grows: keeps the complete subtrees at its right edge, so that a leaf costs a constant number of hashes on average. */
export class GrowingTree {
  #size: number;
  /** The complete subtrees that the leaves so far are made of, largest first. */
  readonly #edge: Hash[];

  /** Goes on from a tree of that size, given the hashes of `rootPlan(size).nodes` in their order. */
  constructor(size = 0, edge: readonly Hash[] = []) {
    invariant(edge.length === rootPlan(size).nodes.length, () => `a tree of ${size} leaves has another edge than ${edge.length} hashes`);
    this.#size = size;
    this.#edge = [...edge];
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf by its hash; answers every subtree that it completed, the leaf itself first. */
  append(leaf: Hash): Array<TreeNode & { hash: Hash }> {
    const completed = [{ level: 0, index: this.#size, hash: leaf }];
    this.#edge.push(leaf);
    this.#size += 1;
    for (let width = 2, level = 1; this.#size % width === 0; width *= 2, level += 1) {
      const right = this.#edge.pop() as Hash;
      const left = this.#edge.pop() as Hash;
      const hash = nodeHash(left, right);
      this.#edge.push(hash);
      completed.push({ level, index: this.#size / width - 1, hash });
    }
    return completed;
  }

  root(): Hash {
    const parts = [...this.#edge];
    const last = parts.pop();
    return last === undefined ? EMPTY_ROOT : parts.reduceRight((right, left) => nodeHash(left, right), last);
  }
}
