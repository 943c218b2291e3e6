// Decides whether the log is what was signed: reads all of it again, fact by fact, beside the tree; called by `rollcredits verify`.
import { POSITION_START, type EventStore, type Position, type StoredFact } from '#libs/event-store';
import { openCheckpoint, type Head, type VerifierKey } from './checkpoint.js';
import { leafOf } from './leaf.js';
import { GrowingTree, leafHash, type Hash } from './merkle.js';
import type { ProofTables, SignedHead } from './proof-tables.postgres.js';
import { TILE_WIDTH } from './tiles.js';

export type DifferenceKind =
  'fact_changed' | 'fact_missing' | 'fact_inserted' | 'fact_order' | 'head' | 'journal' | 'invariant' | 'read_model';

class TreeDamaged extends Error {
  constructor(readonly tile: number) {
    super(`tile ${tile} is not what it was`);
  }
}

/** The first thing that is not as it was, and where. */
export interface Difference {
  kind: DifferenceKind;
  position: Position | null;
  eventId: string | null;
  table: string | null;
  row: string | null;
  expected: string | null;
  actual: string | null;
}

export function difference(kind: DifferenceKind, at: Partial<Omit<Difference, 'kind'>>): Difference {
  return { kind, position: null, eventId: null, table: null, row: null, expected: null, actual: null, ...at };
}

export interface LogVerdict {
  facts: number;
  treeSize: number;
  /** Of the tree as recomputed, over the leaves that it had when the verification began. */
  rootHash: Hash;
  position: Position;
  difference: Difference | null;
}

export interface VerifyLogOptions {
  store: Pick<EventStore, 'readAll'>;
  tables: ProofTables;
  /** Null where nothing was ever signed. */
  key: VerifierKey | null;
  /** A head that somebody kept elsewhere: the log must still have it as a prefix. */
  kept?: Head | null;
  /** Told of every fact, in log order; answers what is wrong with it, if anything. */
  onFact?: (fact: StoredFact) => Difference | null;
  onProgress?: (facts: number, treeSize: number) => void;
}

const PAGE_FACTS = 2_000;
const TILES_AT_ONCE = 64;

export async function verifyLog(options: VerifyLogOptions): Promise<LogVerdict> {
  return new LogVerification(options).run();
}

interface Leaf {
  hash: Hash;
  position: Position;
}

class LogVerification {
  readonly #tree = new GrowingTree();
  #facts = 0;
  #position: Position = POSITION_START;
  #heads: SignedHead[] = [];
  #tiles = new Map<number, Leaf[]>();

  constructor(private readonly options: VerifyLogOptions) {}

  async run(): Promise<LogVerdict> {
    const { tables, onProgress } = this.options;
    const { size, position: covered } = await tables.state();
    const found = await this.#firstDifference(size, covered).catch((error: unknown) => {
      if (!(error instanceof TreeDamaged)) throw error;
      return difference('head', { table: 'proof_tiles', row: `0/${error.tile}`, expected: 'the leaves of the tree', actual: 'none' });
    });
    onProgress?.(this.#facts, size);
    return { facts: this.#facts, treeSize: this.#tree.size, rootHash: this.#tree.root(), position: this.#position, difference: found };
  }

  async #firstDifference(size: number, covered: Position): Promise<Difference | null> {
    const { onFact, onProgress, kept } = this.options;
    this.#heads = await this.#signedHeads();
    for await (const fact of this.#log(covered)) {
      this.#facts += 1;
      const found = this.#tree.size < size ? await this.#compare(fact, size) : inserted(fact);
      if (found !== null) return found;
      this.#position = fact.position;
      const wrong = this.#checkHeads() ?? onFact?.(fact) ?? null;
      if (wrong !== null) return wrong;
      if (this.#facts % PAGE_FACTS === 0) onProgress?.(this.#facts, size);
    }
    if (this.#tree.size < size) return missing(await this.#leaf(this.#tree.size));
    const [ahead] = this.#heads;
    const beyond = ahead?.treeSize ?? (kept !== undefined && kept !== null && kept.treeSize > size ? kept.treeSize : null);
    if (beyond === null) return null;
    return difference('head', { row: String(beyond), expected: `${beyond} facts, as a head says`, actual: `${size} facts` });
  }

  async *#log(until: Position): AsyncGenerator<StoredFact> {
    for (let after: Position = POSITION_START; after < until;) {
      const page = await this.options.store.readAll({ after, limit: PAGE_FACTS });
      for (const fact of page.facts) if (fact.position <= until) yield fact;
      if (page.atEnd && page.position === after) return;
      after = page.position;
      if (page.atEnd) return;
    }
  }

  async #compare(fact: StoredFact, size: number): Promise<Difference | null> {
    const index = this.#tree.size;
    const leaf = await this.#leaf(index);
    const at = { position: fact.position, eventId: fact.id, table: 'events' };
    if (fact.position > leaf.position) return missing(leaf);
    if (fact.position < leaf.position) return inserted(fact);
    const hash = leafHash(leafOf(fact));
    this.#tree.append(hash);
    if (hash.equals(leaf.hash)) return null;
    const swapped = await this.#swappedWith(fact, leaf, size);
    return difference(swapped === null ? 'fact_changed' : 'fact_order', {
      ...at,
      expected: swapped === null ? `leaf ${leaf.hash.toString('base64')}` : `what now stands at ${swapped}`,
      actual: `leaf ${hash.toString('base64')}`,
    });
  }

  /** The place of the later fact that belongs here, and this one there; null where there is none. The instant may have moved along or not. */
  async #swappedWith(fact: StoredFact, leaf: Leaf, size: number): Promise<Position | null> {
    let index = this.#tree.size;
    for (let after = fact.position; index < size;) {
      const page = await this.options.store.readAll({ after, limit: PAGE_FACTS });
      for (const other of page.facts) {
        if (index >= size) return null;
        const there = await this.#leaf(index);
        index += 1;
        if (other.position !== there.position) return null;
        const belongsHere = [other.recordedAt, fact.recordedAt].some((recordedAt) =>
          leafHash(leafOf({ ...other, position: fact.position, recordedAt })).equals(leaf.hash),
        );
        if (belongsHere) return other.position;
      }
      if (page.atEnd) return null;
      after = page.position;
    }
    return null;
  }

  async #leaf(index: number): Promise<Leaf> {
    const tile = Math.floor(index / TILE_WIDTH);
    let leaves = this.#tiles.get(tile);
    if (leaves === undefined) {
      const ids = Array.from({ length: TILES_AT_ONCE }, (_, n) => ({ level: 0, index: tile + n }));
      this.#tiles = new Map(
        (await this.options.tables.tiles(ids)).map(({ index: at, hashes, positions }) => [
          at,
          positions.map((position, n) => ({ position, hash: hashes.subarray(n * 32, (n + 1) * 32) })),
        ]),
      );
      leaves = this.#tiles.get(tile);
    }
    const leaf = leaves?.[index % TILE_WIDTH];
    if (leaf === undefined) throw new TreeDamaged(tile);
    return leaf;
  }

  /** Smallest first. */
  async #signedHeads(): Promise<SignedHead[]> {
    const heads: SignedHead[] = [];
    for (let below: number | null = null; ;) {
      const page = await this.options.tables.heads(1_000, below);
      heads.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      below = last.treeSize;
    }
    return heads.reverse();
  }

  /** Every head of the size that the tree now has says its root. */
  #checkHeads(): Difference | null {
    const { kept, key } = this.options;
    const root = this.#tree.root.bind(this.#tree);
    while (this.#heads[0] !== undefined && this.#heads[0].treeSize <= this.#tree.size) {
      const head = this.#heads.shift() as SignedHead;
      if (head.treeSize < this.#tree.size) continue;
      const opened = key === null ? 'there is no key' : openCheckpoint(head.checkpoint, key);
      const at = { position: head.position, table: 'proof_heads', row: String(head.treeSize) };
      if (typeof opened === 'string') return difference('head', { ...at, expected: 'a signed head', actual: opened });
      if (!opened.rootHash.equals(root()) || opened.treeSize !== head.treeSize) {
        return difference('head', { ...at, expected: opened.rootHash.toString('base64'), actual: root().toString('base64') });
      }
    }
    if (kept?.treeSize === this.#tree.size && !kept.rootHash.equals(root())) {
      const [expected, actual] = [kept.rootHash, root()].map((hash) => hash.toString('base64')) as [string, string];
      return difference('head', { position: this.#position, row: String(kept.treeSize), expected, actual });
    }
    return null;
  }
}

function missing({ position, hash }: Leaf): Difference {
  return difference('fact_missing', {
    position,
    table: 'events',
    expected: `a fact whose leaf is ${hash.toString('base64')}`,
    actual: 'no fact',
  });
}

function inserted(fact: StoredFact): Difference {
  return difference('fact_inserted', {
    position: fact.position,
    eventId: fact.id,
    table: 'events',
    expected: 'no fact here',
    actual: fact.type,
  });
}
