// 3 append · the event store in memory, for unit tests and the simulation: the same semantics, no durability.
import { eventId, type Clock, type InstantMs, type JsonObject } from '#libs/kernel';
import {
  NO_STREAM,
  POSITION_START,
  type AppendResult,
  type CommandAppend,
  type EventStore,
  type EventStoreUnavailable,
  type LogPage,
  type Position,
  type ReadAllOptions,
  type ReadOptions,
  type StoredFact,
  type SubscribeOptions,
} from '../event-store.port.js';
import { placeOf, toPosition } from '../position.js';
import { followLog } from '../subscription.js';

/** A fact as the log keeps it: its data as text, so that no reader can change what another one reads. */
interface LoggedFact {
  fact: Omit<StoredFact, 'data'>;
  data: string;
}

type Settled = (outcome: AppendResult | EventStoreUnavailable) => void;

/** What several stores of one test share, as processes share a database. */
export class MemoryLog {
  readonly facts: LoggedFact[] = [];
  readonly streams = new Map<string, LoggedFact[]>();
  readonly keys = new Map<string, LoggedFact>();
  readonly listeners = new Set<(head: Position) => void>();
  recordedAt: InstantMs = 0;

  get head(): Position {
    return this.facts.length === 0 ? POSITION_START : toPosition(this.facts.length);
  }
}

/**
 * `new MemoryEventStore(clock)` is a log of its own; hand the same {@link MemoryLog} to several stores for several processes. Appends of one
 * turn are written together, at its end, each command alone: written or refused whole.
 */
export class MemoryEventStore implements EventStore {
  readonly atomicAcrossStreams = true;
  private queue: Array<{ command: CommandAppend; settled: Settled }> = [];

  constructor(
    private readonly clock: Clock,
    private readonly log: MemoryLog = new MemoryLog(),
  ) {}

  append(command: CommandAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) =>
      this.submit(command, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))),
    );
  }

  submit(command: CommandAppend, settled: Settled): void {
    if (this.queue.length === 0) queueMicrotask(() => this.flush());
    this.queue.push({ command, settled });
  }

  private flush(): void {
    const queue = this.queue;
    this.queue = [];
    const before = this.log.head;
    const refusedStreams = new Set<string>();
    const outcomes = queue.map(({ command }) => {
      const outcome = this.write(command, refusedStreams);
      if (!outcome.ok) for (const { stream } of command.appends) refusedStreams.add(stream);
      return outcome;
    });
    queue.forEach(({ settled }, index) => settled(outcomes[index] as AppendResult));
    if (this.log.head !== before) for (const listener of this.log.listeners) listener(this.log.head);
  }

  private write(command: CommandAppend, refusedStreams: ReadonlySet<string>): AppendResult {
    const { log } = this;
    for (const { stream, expectedRevision } of command.appends) {
      const isStale = refusedStreams.has(stream) || this.revisionOf(stream) !== expectedRevision;
      if (isStale) return this.standing(command) ?? { ok: false, conflict: 'revision', stream };
    }
    const digest = command.meta.keyDigest?.toString('hex');
    if (digest !== undefined && log.keys.has(digest)) return { ok: false, conflict: 'key', stream: null };
    log.recordedAt = Math.max(log.recordedAt, this.clock.now());
    const first = log.facts.length;
    for (const { stream, facts, expectedRevision } of command.appends) {
      facts.forEach((fact, index) => {
        const { commandId, tenant, actor, correlationId, causationId, requestHash } = command.meta;
        const entry: LoggedFact = {
          fact: {
            id: eventId(commandId, log.facts.length - first),
            type: fact.type,
            schemaVersion: fact.schemaVersion,
            stream,
            revision: expectedRevision + 1 + index,
            position: toPosition(log.facts.length + 1),
            recordedAt: log.recordedAt,
            tenant,
            actor,
            correlationId,
            causationId,
            requestHash,
            sealed: fact.sealed ?? null,
          },
          data: JSON.stringify(fact.data),
        };
        if (digest !== undefined && log.facts.length === first) log.keys.set(digest, entry);
        log.facts.push(entry);
        const entries = log.streams.get(stream);
        if (entries === undefined) log.streams.set(stream, [entry]);
        else entries.push(entry);
      });
    }
    return this.appended(command, first, false);
  }

  /** The command's own facts, when exactly they stand where they were to be written: an append repeated after its answer was lost. */
  private standing(command: CommandAppend): AppendResult | null {
    let index = 0;
    let first: LoggedFact | undefined;
    for (const { stream, expectedRevision, facts } of command.appends) {
      for (const [offset, fact] of facts.entries()) {
        const entry = this.log.streams.get(stream)?.[expectedRevision + 1 + offset];
        const isSame =
          entry?.fact.id === eventId(command.meta.commandId, index) &&
          entry.data === JSON.stringify(fact.data) &&
          entry.fact.correlationId === command.meta.correlationId &&
          entry.fact.requestHash === command.meta.requestHash;
        if (!isSame) return null;
        first ??= entry;
        index += 1;
      }
    }
    return first === undefined ? null : this.appended(command, placeOf(first.fact.position) - 1, true);
  }

  private appended(command: CommandAppend, firstIndex: number, repeated: boolean): AppendResult {
    let place = firstIndex;
    const positions = command.appends.map(({ facts }) => toPosition((place += facts.length)));
    return {
      ok: true,
      revisions: command.appends.map(({ expectedRevision, facts }) => expectedRevision + facts.length),
      positions,
      firstPosition: toPosition(firstIndex + 1),
      position: toPosition(place),
      recordedAt: (this.log.facts[firstIndex] as LoggedFact).fact.recordedAt,
      repeated,
    };
  }

  private revisionOf(stream: string): number {
    return (this.log.streams.get(stream)?.length ?? 0) - 1;
  }

  readStream(stream: string, options: ReadOptions = {}): Promise<StoredFact[]> {
    const entries = this.log.streams.get(stream) ?? [];
    const { limit = Infinity } = options;
    if (options.direction === 'backwards') {
      const from = Math.min(options.fromRevision ?? entries.length - 1, entries.length - 1);
      return Promise.resolve(
        entries
          .slice(Math.max(0, from + 1 - limit), from + 1)
          .reverse()
          .map(toStored),
      );
    }
    const from = options.fromRevision ?? 0;
    return Promise.resolve(entries.slice(from, from + limit).map(toStored));
  }

  async readStreams(
    streams: readonly string[],
    options: { fromRevisions?: ReadonlyMap<string, number>; limitPerStream?: number } = {},
  ): Promise<Map<string, StoredFact[]>> {
    const found = new Map<string, StoredFact[]>();
    for (const stream of streams)
      found.set(
        stream,
        await this.readStream(stream, { fromRevision: options.fromRevisions?.get(stream) ?? 0, limit: options.limitPerStream }),
      );
    return found;
  }

  readAt(position: Position): Promise<StoredFact | null> {
    const entry = this.log.facts[placeOf(position) - 1];
    return Promise.resolve(entry === undefined ? null : toStored(entry));
  }

  readAll({ after, limit, streamPrefixes, types }: ReadAllOptions): Promise<LogPage> {
    const facts: StoredFact[] = [];
    let place = placeOf(after);
    while (place < this.log.facts.length && facts.length < limit) {
      const entry = this.log.facts[place] as LoggedFact;
      place += 1;
      const { stream, type } = entry.fact;
      const isMatch = (types?.includes(type) ?? true) && (streamPrefixes?.some((prefix) => stream.startsWith(prefix)) ?? true);
      if (isMatch) facts.push(toStored(entry));
    }
    return Promise.resolve({ facts, position: toPosition(place), atEnd: place >= this.log.facts.length });
  }

  subscribe(options: SubscribeOptions): AsyncIterable<LogPage> {
    return followLog(this, options);
  }

  head(): Promise<Position> {
    return Promise.resolve(this.log.head);
  }

  headsOf(streams: readonly string[]): Promise<Map<string, number>> {
    return Promise.resolve(new Map(streams.map((stream) => [stream, this.log.streams.has(stream) ? this.revisionOf(stream) : NO_STREAM])));
  }

  findByKeyDigests(digests: readonly Buffer[]): Promise<Map<string, StoredFact>> {
    const found = new Map<string, StoredFact>();
    for (const digest of digests) {
      const entry = this.log.keys.get(digest.toString('hex'));
      if (entry !== undefined) found.set(digest.toString('hex'), toStored(entry));
    }
    return Promise.resolve(found);
  }

  onAppended(listener: (head: Position) => void): () => void {
    this.log.listeners.add(listener);
    return () => this.log.listeners.delete(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function toStored({ fact, data }: LoggedFact): StoredFact {
  return { ...fact, data: JSON.parse(data) as JsonObject };
}
