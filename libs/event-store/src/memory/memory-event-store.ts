// 3 append · the event store in memory, for unit tests and the simulation: the same semantics, no durability.
import { eventId, type Clock, type InstantMs, type JsonObject } from '#libs/kernel';
import {
  NO_STREAM,
  POSITION_START,
  type AppendResult,
  type CommandAppend,
  type CommandFacts,
  type EventStore,
  type LogPage,
  type NewFact,
  type Position,
  type ReadAllOptions,
  type ReadOptions,
  type StoredFact,
  type SubscribeOptions,
} from '../event-store.port.js';
import { PendingAppend, type Settled } from '../pending-append.js';
import { placeOf, toPosition } from '../position.js';
import { factsSideBySide } from '../side-by-side.js';
import { followLog } from '../subscription.js';

/** A fact as the log keeps it: its data as text, so that no reader can change what another one reads. */
interface LoggedFact {
  fact: Omit<StoredFact, 'data'>;
  data: string;
}

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
  readonly atomicAcrossStreams: boolean = true;
  readonly instantsFollowPositions = true;
  private queue: PendingAppend[] = [];

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
    this.queue.push(new PendingAppend(command, settled));
  }

  private flush(): void {
    const queue = this.queue;
    this.queue = [];
    const before = this.log.head;
    const refusedStreams = new Set<string>();
    const outcomes = queue.map((command) => {
      const outcome = this.write(command, refusedStreams);
      if (!outcome.ok) for (const { stream } of command.appends) refusedStreams.add(stream);
      return outcome;
    });
    queue.forEach(({ settled }, index) => settled(outcomes[index] as AppendResult));
    if (this.log.head !== before) for (const listener of this.log.listeners) listener(this.log.head);
  }

  private write(command: PendingAppend, refusedStreams: ReadonlySet<string>): AppendResult {
    const { log } = this;
    const digest = command.meta.keyDigest?.toString('hex');
    const hasKeyConflict = digest !== undefined && log.keys.has(digest);
    const stale = command.appends.find(
      ({ stream, expectedRevision }) => refusedStreams.has(stream) || this.revisionOf(stream) !== expectedRevision,
    );
    if (hasKeyConflict || stale !== undefined) {
      const refusal: AppendResult = {
        ok: false,
        conflict: hasKeyConflict ? 'key' : 'revision',
        stream: hasKeyConflict ? null : (stale?.stream ?? null),
      };
      return this.standing(command) ?? refusal;
    }
    log.recordedAt = Math.max(log.recordedAt, this.clock.now());
    const first = log.facts.length;
    for (const { stream, facts, expectedRevision } of command.appends) {
      facts.forEach((fact, index) => this.add(command, log.facts.length - first, stream, expectedRevision + 1 + index, fact));
    }
    if (digest !== undefined) log.keys.set(digest, log.facts[first] as LoggedFact);
    return command.appended(first, log.recordedAt, false);
  }

  private add(
    { meta, dataTexts }: PendingAppend,
    index: number,
    stream: string,
    revision: number,
    { type, schemaVersion, sealed }: NewFact,
  ): void {
    const { log } = this;
    const { commandId, tenant, actor, correlationId, causationId, requestHash } = meta;
    const position = toPosition(log.facts.length + 1);
    const place = { id: eventId(commandId, index), type, schemaVersion, stream, revision, position, recordedAt: log.recordedAt };
    const entry = {
      fact: { ...place, tenant, actor, correlationId, causationId, requestHash, sealed: sealed ?? null },
      data: dataTexts[index] as string,
    };
    log.facts.push(entry);
    const entries = log.streams.get(stream);
    if (entries === undefined) log.streams.set(stream, [entry]);
    else entries.push(entry);
  }

  /** The command's own facts, when exactly they stand where they were to be written: an append repeated after its answer was lost. */
  private standing(command: PendingAppend): AppendResult | null {
    const { commandId, correlationId, requestHash } = command.meta;
    let index = 0;
    let first: LoggedFact | undefined;
    for (const { stream, expectedRevision, facts } of command.appends) {
      for (let offset = 1; offset <= facts.length; offset += 1) {
        const entry = this.log.streams.get(stream)?.[expectedRevision + offset];
        const isSameCause =
          entry?.fact.id === eventId(commandId, index) &&
          entry.fact.correlationId === correlationId &&
          entry.fact.requestHash === requestHash;
        if (!isSameCause || entry.data !== command.dataTexts[index]) return null;
        first ??= entry;
        index += 1;
      }
    }
    return first === undefined ? null : command.appended(placeOf(first.fact.position) - 1, first.fact.recordedAt, true);
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

  factsOfCommand(first: StoredFact): Promise<CommandFacts> {
    return factsSideBySide(this, first);
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
