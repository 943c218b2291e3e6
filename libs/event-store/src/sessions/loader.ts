// 3 append · folds a stream from its nearest snapshot; called when a session opens, after a conflict, and for looks into the past.
import { invariant, type Decider, type Fact, type InstantMs, type JsonValue } from '#libs/kernel';
import { NO_STREAM, type EventStore, type Position, type StoredFact } from '../event-store.port.js';
import { TickBatch } from '../tick-batch.js';
import { isWithin, type Snapshot, type SnapshotCodec, type Snapshots, type Until } from './snapshots.port.js';

/** A state and the fact it stands at. */
export interface Loaded<State> {
  state: State;
  /** {@link NO_STREAM} before the first fact; position and instant are then null. */
  revision: number;
  position: Position | null;
  recordedAt: InstantMs | null;
  /** Of the newest snapshot that exists at or before the revision; {@link NO_STREAM} for none. */
  snapshotRevision: number;
}

export interface SnapshotPolicy<State> {
  snapshots: Snapshots;
  codec: SnapshotCodec<State>;
  everyFacts: number;
  /** A snapshot could not be kept: nothing is lost but time. */
  onError?: (error: unknown) => void;
}

export interface LoaderOptions<State, F extends Fact<string, object>> {
  store: EventStore;
  decider: Decider<State, F>;
  upcast: (fact: StoredFact) => F;
  snapshotPolicy: SnapshotPolicy<State> | null;
}

/** Facts read at once: two snapshot intervals by default, so that one read is the rule, while a long replay stays bounded in memory. */
const PAGE_FACTS = 2_000;

/** Snapshots on their way: a long replay waits for them, so that it cannot pile them up. */
const SAVES_MAX = 4;

export class Loader<State, F extends Fact<string, object>> {
  private readonly latest: TickBatch<string, Snapshot | null>;
  private readonly tails: TickBatch<string, StoredFact[]>;
  private readonly tailFrom = new Map<string, number>();
  private readonly saves = new Set<Promise<void>>();

  constructor(private readonly options: LoaderOptions<State, F>) {
    const { store, snapshotPolicy } = options;
    this.latest = new TickBatch(
      (streams) => snapshotPolicy?.snapshots.latest(streams, snapshotPolicy.codec.version) as Promise<Map<string, Snapshot | null>>,
      () => null,
    );
    this.tails = new TickBatch(
      (streams) => {
        const fromRevisions = new Map(streams.map((stream) => [stream, this.tailFrom.get(stream) ?? 0]));
        for (const stream of streams) this.tailFrom.delete(stream);
        return store.readStreams(streams, { fromRevisions, limitPerStream: PAGE_FACTS });
      },
      () => [],
      64,
    );
  }

  /** The stream's state at its head, as of some moment after the call. */
  async load(stream: string): Promise<Loaded<State>> {
    const snapshot = this.options.snapshotPolicy === null ? null : await this.latest.get(stream);
    const loaded = this.startFrom(snapshot);
    await this.extend(stream, loaded);
    return loaded;
  }

  /** Folds what was written since; only one caller at a time for a stream. */
  async extend(stream: string, loaded: Loaded<State>): Promise<void> {
    for (;;) {
      this.tailFrom.set(stream, loaded.revision + 1);
      const facts = await this.tails.get(stream);
      for (const fact of facts) this.fold(stream, loaded, fact);
      if (facts.length < PAGE_FACTS) return;
      if (this.saves.size >= SAVES_MAX) await Promise.all(this.saves);
    }
  }

  async loadUntil(stream: string, until: Until): Promise<Loaded<State>> {
    const { store, snapshotPolicy } = this.options;
    const snapshot = snapshotPolicy === null ? null : await snapshotPolicy.snapshots.before(stream, snapshotPolicy.codec.version, until);
    const loaded = this.startFrom(snapshot);
    for (;;) {
      const facts = await store.readStream(stream, { fromRevision: loaded.revision + 1, limit: PAGE_FACTS });
      for (const fact of facts) {
        if (!isWithin(fact, until)) return loaded;
        this.fold(stream, loaded, fact);
      }
      if (facts.length < PAGE_FACTS) return loaded;
    }
  }

  /** Folds one stored fact; the caller holds the state. */
  fold(stream: string, loaded: Loaded<State>, fact: StoredFact): void {
    const { decider, upcast } = this.options;
    invariant(fact.revision === loaded.revision + 1, () => `${stream}: revision ${fact.revision} follows ${loaded.revision}`);
    loaded.state = decider.evolve(loaded.state, upcast(fact));
    loaded.revision = fact.revision;
    loaded.position = fact.position;
    loaded.recordedAt = fact.recordedAt;
    const state = this.dueSnapshot(loaded);
    if (state !== null)
      this.save({
        stream,
        version: this.codecVersion,
        revision: fact.revision,
        position: fact.position,
        recordedAt: fact.recordedAt,
        state,
      });
  }

  /** The state as JSON text when a snapshot of it is due, and notes that it was taken; else null. */
  dueSnapshot(loaded: Pick<Loaded<State>, 'state' | 'revision' | 'snapshotRevision'>): string | null {
    const policy = this.options.snapshotPolicy;
    if (policy === null) return null;
    const facts = loaded.revision - loaded.snapshotRevision;
    if (facts < policy.everyFacts || facts < (policy.codec.weight?.(loaded.state) ?? 0)) return null;
    loaded.snapshotRevision = loaded.revision;
    return JSON.stringify(policy.codec.encode(loaded.state));
  }

  /** Off the hot path: nobody waits for it, and a failure costs only a longer load. */
  save(snapshot: Snapshot): void {
    const policy = this.options.snapshotPolicy;
    if (policy === null) return;
    const saving: Promise<void> = policy.snapshots
      .save(snapshot)
      .catch((error: unknown) => policy.onError?.(error))
      .finally(() => this.saves.delete(saving));
    this.saves.add(saving);
  }

  /** Resolves when no snapshot is on its way. */
  async settled(): Promise<void> {
    while (this.saves.size > 0) await Promise.all(this.saves);
  }

  get codecVersion(): number {
    return this.options.snapshotPolicy?.codec.version ?? 0;
  }

  private startFrom(snapshot: Snapshot | null): Loaded<State> {
    const { decider, snapshotPolicy } = this.options;
    if (snapshot === null || snapshotPolicy === null) {
      return { state: decider.initial(), revision: NO_STREAM, position: null, recordedAt: null, snapshotRevision: NO_STREAM };
    }
    const { revision, position, recordedAt } = snapshot;
    return {
      state: snapshotPolicy.codec.decode(JSON.parse(snapshot.state) as JsonValue),
      revision,
      position,
      recordedAt,
      snapshotRevision: revision,
    };
  }
}
