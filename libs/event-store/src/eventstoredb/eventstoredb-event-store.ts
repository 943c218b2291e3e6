// 3 append · the event store on an EventStoreDB (KurrentDB) server or cluster; the same promises as on PostgreSQL but for one transaction over two streams.
import { randomUUID } from 'node:crypto';
import { invariant, type Clock } from '#libs/kernel';
import {
  EventStoreUnavailable,
  NO_STREAM,
  POSITION_START,
  type AppendResult,
  type CommandAppend,
  type CommandFacts,
  type EventStore,
  type LogPage,
  type Position,
  type ReadAllOptions,
  type ReadOptions,
  type StoredFact,
  type SubscribeOptions,
} from '../event-store.port.js';
import { PendingAppend, type Settled } from '../pending-append.js';
import type { WriterObserver } from '../postgres/group-writer.js';
import { STREAM_CATEGORIES } from '../streams.js';
import { AppendChannel } from './append-channel.js';
import { Claims } from './claims.js';
import { Connection } from './connection.js';
import { DurableAppend, type AppendLimits } from './durable-append.js';
import { metadataOf, storedFactOf, type ReadEvent } from './fact-events.js';
import { LaneWriter } from './lane-writer.js';
import { LogReader, type ReadLimits } from './log-reader.js';
import { RecordedInstants } from './recorded-instants.js';
import { superviseLog } from './supervised-subscription.js';

export interface EventStoreDbLimits extends AppendLimits, ReadLimits {
  appendTimeoutMs: number;
  idleLookMs: number;
  subscriptionPatienceMs: number;
}

export interface EventStoreDbOptions {
  /** `esdb://…`: secret. */
  url: string;
  /** What the names of all streams of this deployment begin with on the server. */
  streamPrefix: string;
  /** Gives the instants of record. */
  clock: Clock;
  observer?: WriterObserver;
  limits?: Partial<EventStoreDbLimits>;
}

const LIMITS: EventStoreDbLimits = {
  appendsAtOnceMax: 64,
  appendTimeoutMs: 2_000,
  ambiguousMaxMs: 4_500,
  readsAtOnceMax: 32,
  readTimeoutMs: 10_000,
  patienceMs: 2_500,
  idleLookMs: 200,
  subscriptionPatienceMs: 10_000,
};

/** Every category's streams, and no other deployment's whose prefix only begins like this one. */
const OWN_PREFIXES = STREAM_CATEGORIES.map((category) => `${category}-`);
const WATCHED_PREFIXES = [...OWN_PREFIXES, 'internal-'];
const IDENTITY_STREAM = 'internal-identity';
const IDENTITY_ATTEMPTS_MAX = 5;
const REVISION_MAX = Number.MAX_SAFE_INTEGER;

export class EventStoreDbEventStore implements EventStore {
  readonly atomicAcrossStreams = false;
  readonly instantsFollowPositions = false;
  private readonly connection: Connection;
  private readonly channel: AppendChannel;
  private readonly reader: LogReader;
  private readonly writer: LaneWriter;
  private readonly durable: DurableAppend;
  private readonly claims: Claims;
  private readonly instants: RecordedInstants;
  private readonly limits: EventStoreDbLimits;
  private readonly listeners = new Set<(head: Position) => void>();
  private readonly ended = new AbortController();
  private watching: Promise<void> | null = null;
  private lastHead: Position = POSITION_START;

  constructor(private readonly options: EventStoreDbOptions) {
    const { url, streamPrefix, clock, observer = {} } = options;
    this.limits = { ...LIMITS, ...options.limits };
    this.connection = new Connection(url);
    this.reader = new LogReader(this.connection, streamPrefix, this.limits);
    this.channel = new AppendChannel(this.connection, this.limits.appendTimeoutMs);
    this.durable = new DurableAppend(this.channel, this.reader, streamPrefix, this.limits);
    this.claims = new Claims(this.durable, this.reader);
    this.instants = new RecordedInstants(this.reader);
    const { claims, durable, instants, reader } = this;
    this.writer = new LaneWriter({ durable, claims, reader, instants, clock, observer, onHead: this.learn, head: () => this.lastHead });
  }

  /** What this deployment's log is called for good: a mark that its first process left in it. */
  async identity(): Promise<string> {
    for (let attempt = 0; attempt < IDENTITY_ATTEMPTS_MAX; attempt += 1) {
      const [event] = await this.reader.forwards(IDENTITY_STREAM, 0, 1);
      if (event !== undefined) return `eventstoredb ${this.options.streamPrefix} ${event.id}`;
      await this.durable.append(IDENTITY_STREAM, NO_STREAM, [{ id: randomUUID(), type: 'LogBegun', data: '{}', metadata: '{}' }]);
    }
    throw new EventStoreUnavailable('what was written to EventStoreDB cannot be read: is it the leader?');
  }

  /** Commands that are not answered yet. */
  get queued(): number {
    return this.writer.queued;
  }

  append(command: CommandAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) =>
      this.submit(command, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))),
    );
  }

  submit(command: CommandAppend, settled: Settled): void {
    invariant(!this.ended.signal.aborted, 'an append to a store that was closed');
    this.writer.push(new PendingAppend(command, settled));
  }

  async readStream(
    stream: string,
    { fromRevision, direction = 'forwards', limit = REVISION_MAX }: ReadOptions = {},
  ): Promise<StoredFact[]> {
    const events =
      direction === 'forwards'
        ? await this.reader.forwards(stream, fromRevision ?? 0, limit)
        : await this.reader.backwards(stream, fromRevision ?? null, limit);
    const facts = this.factsOf(events);
    const last = direction === 'forwards' ? facts.at(-1) : facts[0];
    if (last !== undefined) this.instants.note(stream, last.recordedAt);
    return facts;
  }

  async readStreams(
    streams: readonly string[],
    options: { fromRevisions?: ReadonlyMap<string, number>; limitPerStream?: number } = {},
  ): Promise<Map<string, StoredFact[]>> {
    const names = [...new Set(streams)];
    const read = (stream: string): Promise<StoredFact[]> =>
      this.readStream(stream, { fromRevision: options.fromRevisions?.get(stream) ?? 0, limit: options.limitPerStream });
    const facts = await Promise.all(names.map(read));
    return new Map(names.map((stream, index) => [stream, facts[index] as StoredFact[]]));
  }

  async readAt(position: Position): Promise<StoredFact | null> {
    const event = await this.reader.at(position);
    return event === null ? null : (this.factsOf([event])[0] ?? null);
  }

  /** Where fewer than asked for were found, everything up to the head that was known before has been seen. */
  async readAll({ after, limit, streamPrefixes = OWN_PREFIXES, types }: ReadAllOptions): Promise<LogPage> {
    let from = after;
    for (;;) {
      // What stands up to here now is found by the read, which comes later.
      const head = this.lastHead;
      const events = await this.reader.allAfter(from, streamPrefixes, limit);
      const isEnd = events.length < limit;
      const seen = events.at(-1)?.position ?? from;
      const position = isEnd && head > seen ? head : seen;
      const facts = this.factsOf(events).filter(({ type }) => types?.includes(type) ?? true);
      if (isEnd || facts.length > 0) return { facts, position, atEnd: isEnd };
      from = position;
    }
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<LogPage, void> {
    this.watch();
    const { streamPrefixes = OWN_PREFIXES, types } = options;
    const parts = {
      connection: this.connection,
      prefix: this.options.streamPrefix,
      prefixes: this.reader.named(streamPrefixes),
      head: () => this.lastHead,
      look: (after: Position, limit: number) => this.readAll({ after, limit, streamPrefixes, types }),
      learn: this.learn,
      limits: this.limits,
    };
    yield* superviseLog(parts, options);
  }

  async head(): Promise<Position> {
    const last = await this.reader.last(WATCHED_PREFIXES);
    const head = last?.position ?? POSITION_START;
    this.learn(head);
    return head;
  }

  async headsOf(streams: readonly string[]): Promise<Map<string, number>> {
    const names = [...new Set(streams)];
    const revisions = await Promise.all(
      names.map(async (stream) => (await this.reader.backwards(stream, null, 1))[0]?.revision ?? NO_STREAM),
    );
    return new Map(names.map((stream, index) => [stream, revisions[index] as number]));
  }

  async findByKeyDigests(digests: readonly Buffer[]): Promise<Map<string, StoredFact>> {
    const names = [...new Set(digests.map((digest) => digest.toString('hex')))];
    const found = await Promise.all(names.map((digest) => this.claims.find(digest)));
    const facts = new Map<string, StoredFact>();
    names.forEach((digest, index) => {
      const keyed = found[index];
      if (keyed !== undefined && keyed !== null) facts.set(digest, storedFactOf(keyed.event, keyed.metadata, this.options.streamPrefix));
    });
    return facts;
  }

  /** Those on its own stream stand side by side; where the others stand, the first one says. */
  async factsOfCommand(first: StoredFact): Promise<CommandFacts> {
    const facts: StoredFact[] = [];
    const commandPart = first.id.slice(0, -4);
    const page = 100;
    let isWhole = true;
    let rest: Array<[stream: string, expectedRevision: number, facts: number]> = [];
    for (let revision = first.revision; facts.length === revision - first.revision; revision += page) {
      const events = await this.reader.forwards(first.stream, revision, page);
      if (revision === first.revision && events[0] !== undefined) rest = JSON.parse(metadataOf(events[0])?.rest ?? '[]') as typeof rest;
      for (const fact of this.factsOf(events)) if (fact.id.startsWith(commandPart)) facts.push(fact);
    }
    for (const [stream, expectedRevision, length] of rest) {
      const others = this.factsOf(await this.reader.forwards(stream, expectedRevision + 1, length));
      const own = others.filter(({ id }) => id.startsWith(commandPart));
      isWhole &&= own.length === length;
      facts.push(...own);
    }
    return { facts, isWhole };
  }

  onAppended(listener: (head: Position) => void): () => void {
    this.watch();
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Waits for what was submitted to be answered; nothing more may be submitted. */
  async close(): Promise<void> {
    if (this.ended.signal.aborted) return;
    await this.writer.drained();
    this.ended.abort();
    this.listeners.clear();
    await this.watching;
    this.channel.close();
    await this.connection.close();
  }

  /** Learns of what other processes write; begun with the first one who wants to know. */
  private watch(): void {
    this.watching ??= this.follow();
  }

  private async follow(): Promise<void> {
    const { signal } = this.ended;
    while (!signal.aborted) {
      try {
        const after = await this.head();
        const look = async (): Promise<LogPage> => ({ facts: [], position: await this.head(), atEnd: true });
        const parts = {
          connection: this.connection,
          prefix: this.options.streamPrefix,
          prefixes: this.reader.named(WATCHED_PREFIXES),
          // In every silence it looks, so that one that only seems to live is found out.
          head: () => 'g',
          look,
          learn: this.learn,
          limits: { ...this.limits, idleLookMs: this.limits.idleLookMs * 2 },
        };
        for await (const page of superviseLog(parts, { after, signal })) this.learn(page.position);
      } catch {
        // The log is away for long; whoever reads hears so, this only waits for it.
      }
    }
  }

  private readonly learn = (head: Position): void => {
    if (head <= this.lastHead) return;
    this.lastHead = head;
    for (const listener of this.listeners) listener(head);
  };

  private factsOf(events: readonly ReadEvent[]): StoredFact[] {
    return events.flatMap((event) => {
      const metadata = metadataOf(event);
      return metadata === null ? [] : [storedFactOf(event, metadata, this.options.streamPrefix)];
    });
  }
}
