// The log of the test server: streams with expected revisions, one order of all events, and a file that outlives a killed process.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

export interface LoggedEvent {
  id: string;
  stream: string;
  revision: number;
  /** Commit and prepare in one: the test server writes no explicit transactions. */
  position: bigint;
  type: string;
  contentType: string;
  /** .NET ticks since 1970, as EventStoreDB sends them. */
  created: string;
  data: Buffer;
  metadata: Buffer;
}

export interface ProposedEvent {
  id: string;
  type: string;
  contentType: string;
  data: Buffer;
  metadata: Buffer;
}

export type Expected = number | 'no_stream' | 'any' | 'stream_exists';

export type Written =
  | { ok: true; revision: number; position: bigint; isRepeated: boolean }
  | { ok: false; /** -1: there is no such stream. */ current: number };

const NO_STREAM = -1;
/** What a record takes in the log beside its payload: positions are byte offsets, so they leave holes. */
const RECORD_BYTES = 97n;

export class StoredLog {
  readonly all: LoggedEvent[] = [];
  private readonly streams = new Map<string, LoggedEvent[]>();
  private readonly listeners = new Set<() => void>();
  private end = 0n;

  constructor(private readonly file: string | null) {
    if (file !== null && existsSync(file)) this.load(file);
    if (this.all.length === 0) this.append('$server', 'any', [systemEvent()]);
  }

  append(stream: string, expected: Expected, events: readonly ProposedEvent[]): Written {
    const standing = this.streams.get(stream);
    const current = (standing?.length ?? 0) - 1;
    const wanted = expected === 'no_stream' ? NO_STREAM : expected;
    if (wanted === 'stream_exists' && current === NO_STREAM) return { ok: false, current };
    if (typeof wanted === 'number' && wanted !== current) return this.repeated(standing ?? [], wanted, events) ?? { ok: false, current };
    const created = String(BigInt(Date.now()) * 10_000n);
    const written = events.map((event, index): LoggedEvent => {
      const logged = { ...event, stream, revision: current + 1 + index, position: this.end, created };
      this.end += RECORD_BYTES + BigInt(event.data.length + event.metadata.length);
      return logged;
    });
    if (this.file !== null) appendFileSync(this.file, written.map(toLine).join(''));
    for (const event of written) this.add(event);
    for (const listener of this.listeners) listener();
    const last = written.at(-1) as LoggedEvent;
    return { ok: true, revision: last.revision, position: last.position, isRepeated: false };
  }

  /** As EventStoreDB's CheckCommit: the same ids where they were to be written are a success; a part of them is a wrong expected version. */
  private repeated(standing: readonly LoggedEvent[], expected: number, events: readonly ProposedEvent[]): Written | null {
    if (expected >= standing.length) return null;
    const found = events.map((event, index) =>
      standing[expected + 1 + index]?.id === event.id ? standing[expected + 1 + index] : undefined,
    );
    const last = found.at(-1);
    if (last === undefined || found.includes(undefined)) return null;
    return { ok: true, revision: last.revision, position: last.position, isRepeated: true };
  }

  stream(name: string): readonly LoggedEvent[] {
    return this.streams.get(name) ?? [];
  }

  /** The index in {@link all} of the first event at or after the position. */
  indexAt(position: bigint): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle] as LoggedEvent).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  onAppended(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private add(event: LoggedEvent): void {
    this.all.push(event);
    const events = this.streams.get(event.stream);
    if (events === undefined) this.streams.set(event.stream, [event]);
    else events.push(event);
  }

  private load(file: string): void {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      // A process that was killed in the middle of a line had answered nobody for it.
      if (!line.endsWith(']')) continue;
      const [id, stream, revision, position, type, contentType, created, data, metadata] = JSON.parse(line) as string[];
      const event = {
        id: id as string,
        stream: stream as string,
        revision: Number(revision),
        position: BigInt(position as string),
        type: type as string,
        contentType: contentType as string,
        created: created as string,
        data: Buffer.from(data as string, 'base64'),
        metadata: Buffer.from(metadata as string, 'base64'),
      };
      this.add(event);
      this.end = event.position + RECORD_BYTES + BigInt(event.data.length + event.metadata.length);
    }
  }
}

function toLine({ id, stream, revision, position, type, contentType, created, data, metadata }: LoggedEvent): string {
  const fields = [
    id,
    stream,
    String(revision),
    String(position),
    type,
    contentType,
    created,
    data.toString('base64'),
    metadata.toString('base64'),
  ];
  return `${JSON.stringify(fields)}\n`;
}

/** A real server's `$all` begins with records of its own: no reader may count on seeing only what it wrote. */
function systemEvent(): ProposedEvent {
  return {
    id: '00000000-0000-4000-8000-000000000001',
    type: '$server-started',
    contentType: 'application/json',
    data: Buffer.from('{}'),
    metadata: Buffer.alloc(0),
  };
}
