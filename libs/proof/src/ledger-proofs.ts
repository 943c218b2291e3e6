// query · answers with proof: the present head, a fact's place under it, and that yesterday's is a prefix of today's; called by the API.
import { setTimeout as pause } from 'node:timers/promises';
import { refuse, toIso, type Clock, type Refusal } from '#libs/kernel';
import { EventStoreUnavailable, POSITION_START, type EventStore, type Position, type StoredFact } from '#libs/event-store';
import type { HeadSigner, VerifierKey } from './checkpoint.js';
import { leafOf } from './leaf.js';
import { consistencyPlan, EMPTY_ROOT, inclusionPlan, leafHash, rootPlan, type Hash, type HashPlan } from './merkle.js';
import type { ProofTables, SignedHead, TreeState } from './proof-tables.postgres.js';
import { hashesIn, tilesOf } from './tiles.js';

export interface HeadView {
  origin: string;
  treeSize: number;
  /** Base64, as every hash here. */
  rootHash: string;
  position: string;
  time: string;
  checkpoint: string;
}

export interface InclusionView {
  position: string;
  eventId: string;
  leafIndex: number;
  treeSize: number;
  leaf: string;
  leafHash: string;
  inclusionPath: string[];
  rootHash: string;
  /** Null where a tree of that size was never signed. */
  checkpoint: string | null;
}

export interface ConsistencyView {
  from: number;
  to: number;
  fromRoot: string;
  toRoot: string;
  consistencyPath: string[];
  checkpoint: string | null;
}

/** A fact as a receipt file carries it. */
export interface ProvenFact {
  leafIndex: number;
  leaf: string;
  inclusionPath: string[];
}

export interface LedgerProofParts {
  store: Pick<EventStore, 'head' | 'readAt'>;
  tables: ProofTables;
  signer: HeadSigner;
  clock: Clock;
  /** How long a head waits for the facts recorded before it was asked for. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;
const LOOK_MS = 10;

export class LedgerProofs {
  constructor(private readonly parts: LedgerProofParts) {}

  get key(): VerifierKey {
    return this.parts.signer.verifier;
  }

  /** Covers every fact recorded before the call. Throws {@link EventStoreUnavailable} where the tree does not get there in time. */
  async head(): Promise<HeadView> {
    return this.viewOf(await this.sign(await this.caughtUp()));
  }

  /** Signs the tree as it stands, if it has grown since the last head. */
  async signIfGrown(): Promise<boolean> {
    const { tables } = this.parts;
    const state = await tables.state();
    if (state.size === 0 || (await tables.headOf(state.size)) !== null) return false;
    await this.sign(state);
    return true;
  }

  /** Newest first; `below` is the tree size that the page before ended with. */
  async heads(limit: number, below: number | null): Promise<HeadView[]> {
    return (await this.parts.tables.heads(limit, below)).map((head) => this.viewOf(head));
  }

  /** `treeSize` null: a fresh head's. Facts of another tenant are not there, but those of the deployment's own streams are everybody's. */
  async inclusion(tenant: string, position: Position, treeSize: number | null): Promise<InclusionView | Refusal> {
    const fact = await this.parts.store.readAt(position);
    if (fact === null || !isVisible(fact, tenant)) return refuse('not_found', 'There is no such fact.');
    const state = await this.caughtUp();
    const leafIndex = await this.parts.tables.leafAt(position);
    if (leafIndex === null) throw new EventStoreUnavailable(`the fact at ${position} is in no tree`);
    const size = treeSize ?? state.size;
    if (size <= leafIndex || size > state.size) {
      return badSize('/treeSize', `must be from ${leafIndex + 1}, where the fact is in the tree, to ${state.size}`);
    }
    const signed = treeSize === null ? await this.sign(state) : await this.parts.tables.headOf(size);
    const [root, path] = await this.make([rootPlan(size), inclusionPlan(leafIndex, size)]);
    const leaf = leafOf(fact);
    return {
      position,
      eventId: fact.id,
      leafIndex,
      treeSize: size,
      leaf: leaf.toString('base64'),
      leafHash: leafHash(leaf).toString('base64'),
      inclusionPath: texts(path),
      rootHash: texts(root)[0] as string,
      checkpoint: signed?.checkpoint ?? null,
    };
  }

  async consistency(from: number, to: number): Promise<ConsistencyView | Refusal> {
    const { size } = await this.caughtUp();
    if (to < 1 || to > size) return badSize('/to', `must be from 1 to ${size}`);
    if (from < 1 || from > to) return badSize('/from', `must be from 1 to ${to}`);
    const [fromRoot, toRoot, path] = await this.make([rootPlan(from), rootPlan(to), consistencyPlan(from, to)]);
    return {
      from,
      to,
      fromRoot: texts(fromRoot)[0] as string,
      toRoot: texts(toRoot)[0] as string,
      consistencyPath: texts(path),
      checkpoint: (await this.parts.tables.headOf(to))?.checkpoint ?? null,
    };
  }

  /** Facts and their paths under one fresh head: what a receipt file carries. */
  async prove(positions: readonly Position[]): Promise<{ facts: ProvenFact[]; checkpoint: string; vkey: string }> {
    const { store, tables } = this.parts;
    const state = await this.caughtUp();
    const { checkpoint } = await this.sign(state);
    const facts: ProvenFact[] = [];
    for (const position of [...new Set(positions)].sort()) {
      const [fact, leafIndex] = await Promise.all([store.readAt(position), tables.leafAt(position)]);
      if (fact === null || leafIndex === null) throw new EventStoreUnavailable(`the fact at ${position} is in no tree`);
      const [path] = await this.make([inclusionPlan(leafIndex, state.size)]);
      facts.push({ leafIndex, leaf: leafOf(fact).toString('base64'), inclusionPath: texts(path) });
    }
    return { facts, checkpoint, vkey: this.key.vkey };
  }

  /** The tree once every fact that was recorded before the call is a leaf of it. */
  private async caughtUp(): Promise<TreeState> {
    const { store, tables, timeoutMs = TIMEOUT_MS } = this.parts;
    const head = await store.head();
    const until = performance.now() + timeoutMs;
    for (;;) {
      const state = await tables.state();
      if (state.position >= head) return state;
      if (performance.now() > until) throw new EventStoreUnavailable(`the tree of proofs has not reached ${head}`);
      await pause(LOOK_MS);
    }
  }

  private async sign({ size, lastPosition }: TreeState): Promise<SignedHead> {
    const { tables, signer, clock } = this.parts;
    const kept = await tables.headOf(size);
    if (kept !== null) return kept;
    const [rootHash] = size === 0 ? [EMPTY_ROOT] : ((await this.make([rootPlan(size)]))[0] as [Hash]);
    const head = { treeSize: size, rootHash, position: lastPosition === '' ? POSITION_START : lastPosition, time: toIso(clock.now()) };
    return tables.keepHead({ ...head, checkpoint: signer.sign(head) });
  }

  private async make(plans: readonly HashPlan[]): Promise<Hash[][]> {
    const tiles = await this.parts.tables.tiles(tilesOf(plans.flatMap(({ nodes }) => nodes)));
    const hashes = hashesIn(tiles);
    return plans.map((plan) => plan.make(hashes));
  }

  private viewOf({ treeSize, rootHash, position, time, checkpoint }: SignedHead): HeadView {
    return { origin: this.parts.signer.origin, treeSize, rootHash: rootHash.toString('base64'), position, time, checkpoint };
  }
}

function isVisible({ stream, tenant }: StoredFact, asker: string): boolean {
  return tenant === asker || stream.startsWith('model-') || stream.startsWith('plan-');
}

function badSize(pointer: string, detail: string): Refusal {
  return refuse('validation_failed', 'The tree has no such size.', { errors: [{ pointer, detail }] });
}

function texts(hashes: readonly Hash[] | undefined): string[] {
  return (hashes ?? []).map((hash) => hash.toString('base64'));
}
