// 3 append · the sessions of one category, least recently used ones leaving; what handlers call as Sessions<State>.
//
// For tests: `createMemorySessions({ decider, clock })` answers sessions on a fresh memory store (or on the `store` given); the
// PostgreSQL ones are made by a context's module with `new StreamSessions({...})`.
import type { Clock, Decider, Fact, InstantMs } from '#libs/kernel';
import { NO_STREAM, type CommandMeta, type EventStore, type Position, type StoredFact } from '../event-store.port.js';
import { MemoryEventStore } from '../memory/memory-event-store.js';
import { MemorySnapshots } from '../memory/memory-snapshots.js';
import type { SessionDecision, SessionOutcome, Sessions } from '../sessions.port.js';
import { TickBatch } from '../tick-batch.js';
import { Loader, type SnapshotPolicy } from './loader.js';
import { Session, type PendingCommand, type SessionContext } from './session.js';
import type { SnapshotCodec, Until } from './snapshots.port.js';

const MAILBOX_MAX_DEFAULT = 10_000;
const ATTEMPTS_MAX_DEFAULT = 20;
/** How many busy sessions are passed over when one must leave. */
const EVICTION_LOOKS_MAX = 16;

export interface StreamSessionsOptions<State, F extends Fact<string, object>> {
  store: EventStore;
  decider: Decider<State, F>;
  clock: Clock;
  /** Old schema versions to the present one; pure. Default: type and data as stored. */
  upcast?: (fact: StoredFact) => F;
  /** Absent: every load replays the stream. */
  snapshotPolicy?: SnapshotPolicy<State> | null;
  /** Cached states; a busy one is never dropped. */
  sessionsMax: number;
  mailboxMax?: number;
  attemptsMax?: number;
  onConflict?: () => void;
}

export class StreamSessions<State, F extends Fact<string, object>> implements Sessions<State> {
  /** Least recently used first. */
  private readonly sessions = new Map<string, Session<State, F>>();
  private readonly context: SessionContext<State, F>;
  private readonly loader: Loader<State, F>;

  constructor(private readonly options: StreamSessionsOptions<State, F>) {
    const { store, decider, clock, upcast = asStored, snapshotPolicy = null } = options;
    const loader = new Loader<State, F>({ store, decider, upcast: upcast as (fact: StoredFact) => F, snapshotPolicy });
    const heads = new TickBatch<string, number>(
      (streams) => store.headsOf(streams),
      () => NO_STREAM,
    );
    this.loader = loader;
    this.context = {
      store,
      decider,
      clock,
      loader,
      headOf: (stream) => heads.get(stream),
      mailboxMax: options.mailboxMax ?? MAILBOX_MAX_DEFAULT,
      attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX_DEFAULT,
      onConflict: options.onConflict ?? (() => undefined),
      onLost: (session) => {
        if (this.sessions.get(session.stream) === session) this.sessions.delete(session.stream);
      },
    };
  }

  /** Sessions that hold a state now. */
  get size(): number {
    return this.sessions.size;
  }

  execute<Result>(
    stream: string,
    meta: CommandMeta,
    decide: (state: State, at: InstantMs, revision: number) => SessionDecision<Result>,
  ): Promise<SessionOutcome<Result>> {
    return new Promise((resolve, reject) => {
      this.session(stream).push({ meta, decide, resolve: resolve as PendingCommand['resolve'], reject, attempts: 0 });
    });
  }

  async read<Result>(stream: string, read: (state: State, revision: number, at: InstantMs) => Result): Promise<Result> {
    const outcome = await new Promise<SessionOutcome<unknown>>((resolve, reject) => {
      const decide = (state: State, at: InstantMs, revision: number): SessionDecision<Result> => ({
        unchanged: true,
        result: read(state, revision, at),
      });
      this.session(stream).push({ meta: null, decide, resolve, reject, attempts: 0 });
    });
    return (outcome as { result: Result }).result;
  }

  async stateAt(
    stream: string,
    until: Until,
  ): Promise<{ state: State; revision: number; position: Position | null; recordedAt: InstantMs | null }> {
    const { state, revision, position, recordedAt } = await this.loader.loadUntil(stream, until);
    return { state, revision, position, recordedAt };
  }

  prime(stream: string, facts: readonly StoredFact[]): void {
    const known = this.sessions.get(stream);
    if (known !== undefined) {
      known.extend(facts);
      return;
    }
    if (facts[0]?.revision !== 0) return;
    const loaded = {
      state: this.options.decider.initial(),
      revision: NO_STREAM,
      position: null,
      recordedAt: null,
      snapshotRevision: NO_STREAM,
    };
    for (const fact of facts) this.loader.fold(stream, loaded, fact);
    this.keep(stream, new Session(stream, this.context, loaded));
  }

  release(stream: string): void {
    if (this.sessions.get(stream)?.isIdle === true) this.sessions.delete(stream);
  }

  /** Resolves when every snapshot on its way is kept: at shutdown, and in tests. */
  snapshotsSettled(): Promise<void> {
    return this.loader.settled();
  }

  private session(stream: string): Session<State, F> {
    const known = this.sessions.get(stream);
    if (known === undefined) return this.keep(stream, new Session<State, F>(stream, this.context, null));
    if (this.sessions.size > this.options.sessionsMax / 2) {
      // Order matters only once something may have to leave.
      this.sessions.delete(stream);
      this.sessions.set(stream, known);
    }
    return known;
  }

  private keep(stream: string, session: Session<State, F>): Session<State, F> {
    this.sessions.set(stream, session);
    let looks = 0;
    for (const [name, oldest] of this.sessions) {
      if (this.sessions.size <= this.options.sessionsMax || looks === EVICTION_LOOKS_MAX) break;
      looks += 1;
      if (oldest.isIdle && oldest !== session) {
        this.sessions.delete(name);
      } else {
        this.sessions.delete(name);
        this.sessions.set(name, oldest);
      }
    }
    return session;
  }
}

function asStored(fact: StoredFact): Fact {
  return { type: fact.type, data: fact.data };
}

/** Sessions for tests: on memory, or on the store given; with snapshots where a codec is. */
export function createMemorySessions<State, F extends Fact<string, object>>(options: {
  decider: Decider<State, F>;
  clock: Clock;
  store?: EventStore;
  upcast?: (fact: StoredFact) => F;
  codec?: SnapshotCodec<State>;
  snapshotEveryFacts?: number;
  sessionsMax?: number;
}): StreamSessions<State, F> {
  const { decider, clock, upcast, codec, snapshotEveryFacts = 1_000, sessionsMax = 10_000 } = options;
  return new StreamSessions({
    store: options.store ?? new MemoryEventStore(clock),
    decider,
    clock,
    upcast,
    sessionsMax,
    snapshotPolicy: codec === undefined ? null : { snapshots: new MemorySnapshots(), codec, everyFacts: snapshotEveryFacts },
  });
}
