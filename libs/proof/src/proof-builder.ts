// 4 project · makes every fact a leaf, in log order, and signs a head at least every minute; run by the projector, under a lease of its own.
import type { EventStore } from '#libs/event-store';
import type { Lease } from '#libs/platform';
import { leafOf } from './leaf.js';
import { leafHash } from './merkle.js';
import type { ProofTables, TreeState } from './proof-tables.postgres.js';
import { edgeTiles, TiledTree } from './tiles.js';

export const PROOF_LEASE = 'proof';

const BATCH_FACTS_MAX = 2_000;

export interface ProofBuilderOptions {
  batchSizeMax?: number;
  onBatch?: (batch: { facts: number; size: number }) => void;
}

/** Goes on from where the tables stand until the lease or the store is lost; whoever calls it calls it again. */
export async function buildProof(
  store: EventStore,
  tables: ProofTables,
  lease: Lease,
  signal: AbortSignal,
  { batchSizeMax = BATCH_FACTS_MAX, onBatch }: ProofBuilderOptions = {},
): Promise<void> {
  let state = await tables.state();
  const tree = new TiledTree(state.size, await tables.tiles(edgeTiles(state.size)));
  for await (const page of store.subscribe({ after: state.position, batchSizeMax, signal })) {
    for (const fact of page.facts) tree.append(leafHash(leafOf(fact)), fact.position);
    const to: TreeState = {
      size: tree.size,
      position: page.position,
      lastPosition: page.facts.at(-1)?.position ?? state.lastPosition,
    };
    if (to.position === state.position) continue;
    await tables.advance(lease, state, to, tree.takeChanged());
    state = to;
    onBatch?.({ facts: page.facts.length, size: to.size });
  }
}
