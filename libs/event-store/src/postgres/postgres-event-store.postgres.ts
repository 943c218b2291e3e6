// 3 append · the event store on PostgreSQL: facts go in through the group writer, and come out through a pool.
import type pg from 'pg';
import { invariant } from '#libs/kernel';
import {
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
import { placeOf, toPosition } from '../position.js';
import { factsSideBySide } from '../side-by-side.js';
import { followLog } from '../subscription.js';
import { AppendConnection } from './append-connection.postgres.js';
import { factColumns, factOf, type FactRow } from './fact-rows.js';
import { GroupWriter, type WriterObserver } from './group-writer.js';
import { LogListener } from './log-listener.postgres.js';
import { PendingAppend, type Settled } from '../pending-append.js';
import { asUnavailable } from './unavailable.js';

/** A filtered read looks at this many positions at most before it answers how far it has got. */
const POSITIONS_LOOKED_AT_MAX = 20_000;
const NO_LIMIT = 2_147_483_647;

const READ_FORWARDS = `SELECT ${factColumns('e')} FROM events AS e WHERE stream = $1 AND rev >= $2 ORDER BY rev LIMIT $3`;
const READ_BACKWARDS = `SELECT ${factColumns('e')} FROM events AS e WHERE stream = $1 AND rev <= $2 ORDER BY rev DESC LIMIT $3`;
const READ_STREAMS = `
  SELECT ${factColumns('e')} FROM unnest($1::text[], $2::integer[]) AS w (stream, rev)
   CROSS JOIN LATERAL (SELECT * FROM events WHERE stream = w.stream COLLATE "C" AND rev >= w.rev ORDER BY rev LIMIT $3) AS e`;
const READ_AT = `SELECT ${factColumns('e')} FROM events AS e WHERE pos = $1`;
const HEADS_OF = `
  SELECT w.stream, (SELECT rev FROM events WHERE stream = w.stream COLLATE "C" ORDER BY rev DESC LIMIT 1) FROM unnest($1::text[]) AS w (stream)`;
const FIND_BY_KEYS = `SELECT encode(e.key_digest, 'hex'), ${factColumns('e')} FROM events AS e WHERE key_digest = ANY ($1::bytea[])`;
const HEAD = 'SELECT pos FROM log_head';

/** One statement, so one snapshot: every fact up to the head that it sees is visible to it. */
function readAllText(hasPrefixes: boolean, hasTypes: boolean): string {
  const filters = [hasPrefixes ? 'AND stream ^@ ANY ($4::text[])' : '', hasTypes ? `AND type = ANY ($${hasPrefixes ? 5 : 4}::text[])` : ''];
  return `
  SELECT h.pos, ${factColumns('e')} FROM log_head AS h
    LEFT JOIN LATERAL (
      SELECT * FROM events WHERE pos > $1 AND pos <= least(h.pos, $1::bigint + $3::bigint) ${filters.join(' ')} ORDER BY pos LIMIT $2
    ) AS e ON true`;
}

export interface PostgresEventStoreOptions {
  /** For reads; the two connections of the store's own are made with the same settings. */
  pool: pg.Pool;
  observer?: WriterObserver;
  /** How long an answer that was lost is looked for before its callers are told so. */
  ambiguousMaxMs?: number;
}

export class PostgresEventStore implements EventStore {
  readonly atomicAcrossStreams = true;
  readonly instantsFollowPositions = true;
  private readonly pool: pg.Pool;
  private readonly writer: GroupWriter;
  private readonly connection: AppendConnection;
  private readonly listener: LogListener;
  private readonly listeners = new Set<(head: Position) => void>();
  private lastHead: Position = POSITION_START;
  private isClosed = false;

  constructor({ pool, observer, ambiguousMaxMs }: PostgresEventStoreOptions) {
    this.pool = pool;
    this.connection = new AppendConnection(pool.options, { onUp: () => this.writer.up(), onDown: () => this.writer.down() });
    this.writer = new GroupWriter(this.connection, this.learn, observer, ambiguousMaxMs);
    this.listener = new LogListener(pool.options, () => this.head(), this.learn);
  }

  /** Commands that wait to be sent. */
  get queued(): number {
    return this.writer.queued;
  }

  append(command: CommandAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) =>
      this.submit(command, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome))),
    );
  }

  submit(command: CommandAppend, settled: Settled): void {
    invariant(!this.isClosed, 'an append to a store that was closed');
    this.writer.push(new PendingAppend(command, settled));
  }

  async readStream(stream: string, { fromRevision, direction = 'forwards', limit = NO_LIMIT }: ReadOptions = {}): Promise<StoredFact[]> {
    const isForwards = direction === 'forwards';
    const from = fromRevision ?? (isForwards ? 0 : NO_LIMIT);
    const rows = await this.rows<FactRow>(isForwards ? 'read_forwards' : 'read_backwards', isForwards ? READ_FORWARDS : READ_BACKWARDS, [
      stream,
      from,
      limit,
    ]);
    return rows.map(factOf);
  }

  async readStreams(
    streams: readonly string[],
    options: { fromRevisions?: ReadonlyMap<string, number>; limitPerStream?: number } = {},
  ): Promise<Map<string, StoredFact[]>> {
    const found = new Map<string, StoredFact[]>(streams.map((stream) => [stream, []]));
    const names = [...found.keys()];
    const from = names.map((stream) => options.fromRevisions?.get(stream) ?? 0);
    const rows = await this.rows<FactRow>('read_streams', READ_STREAMS, [names, from, options.limitPerStream ?? NO_LIMIT]);
    for (const row of rows) found.get(row[5])?.push(factOf(row));
    // A nested loop answers each stream in order, but nothing promises that plan.
    for (const facts of found.values()) facts.sort((a, b) => a.revision - b.revision);
    return found;
  }

  async readAt(position: Position): Promise<StoredFact | null> {
    const [row] = await this.rows<FactRow>('read_at', READ_AT, [placeOf(position)]);
    return row === undefined ? null : factOf(row);
  }

  async readAll({ after, limit, streamPrefixes, types }: ReadAllOptions): Promise<LogPage> {
    const start = placeOf(after);
    const hasFilter = streamPrefixes !== undefined || types !== undefined;
    const lookedAtMax = hasFilter ? POSITIONS_LOOKED_AT_MAX : NO_LIMIT;
    const name = `read_all${streamPrefixes ? '_prefix' : ''}${types ? '_type' : ''}`;
    const filters = [streamPrefixes, types].filter((filter) => filter !== undefined);
    const text = readAllText(streamPrefixes !== undefined, types !== undefined);
    const rows = await this.rows<[head: string, pos: string | null, ...rest: unknown[]]>(name, text, [
      start,
      limit,
      lookedAtMax,
      ...filters,
    ]);
    const head = Number(rows[0]?.[0]);
    const facts = rows.filter((row) => row[1] !== null).map(([, ...row]) => factOf(row as FactRow));
    // A full page ends at its last fact; any other one has seen all that it looked at.
    const place = facts.length === limit ? placeOf((facts.at(-1) as StoredFact).position) : Math.min(head, start + lookedAtMax);
    return { facts, position: toPosition(Math.max(place, start)), atEnd: place >= head };
  }

  subscribe(options: SubscribeOptions): AsyncIterable<LogPage> {
    return followLog(this, options);
  }

  async head(): Promise<Position> {
    const [row] = await this.rows<[string]>('log_head', HEAD, []);
    return toPosition((row as [string])[0]);
  }

  async headsOf(streams: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.rows<[string, number | null]>('heads_of', HEADS_OF, [streams]);
    return new Map(rows.map(([stream, revision]) => [stream, revision ?? NO_STREAM]));
  }

  async findByKeyDigests(digests: readonly Buffer[]): Promise<Map<string, StoredFact>> {
    const rows = await this.rows<[string, ...FactRow]>('find_by_keys', FIND_BY_KEYS, [digests]);
    return new Map(rows.map(([hex, ...row]) => [hex, factOf(row)]));
  }

  factsOfCommand(first: StoredFact): Promise<CommandFacts> {
    return factsSideBySide(this, first);
  }

  onAppended(listener: (head: Position) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Waits for what was submitted to be answered; nothing more may be submitted. The pool is the caller's. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.writer.drained();
    await Promise.all([this.connection.close(), this.listener.close()]);
    this.listeners.clear();
  }

  private readonly learn = (head: Position): void => {
    if (head <= this.lastHead) return;
    this.lastHead = head;
    for (const listener of this.listeners) listener(head);
  };

  private async rows<Row extends unknown[]>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      const { rows } = await this.pool.query<Row>({ name: `event_store_${name}`, text, values, rowMode: 'array' });
      return rows;
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}
