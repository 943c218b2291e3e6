// 1 HTTP in · cuts the bytes of a bill into records as they arrive, each with the physical line it begins on; a record is never longer than 64 KiB in memory.
import { RECORD_BYTES_MAX } from './bill-limits.js';

/** `text` is null for a record that is too long, which is skipped over; `ended` is false for a last one without a line break. */
export interface RawRecord {
  line: number;
  text: string | null;
  ended: boolean;
}

/** The body is no bill at all: nothing of it is taken. */
export class UnreadableBill extends Error {
  override readonly name = 'UnreadableBill';
}

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const CR = 0x0d;

type Place = 'start' | 'plain' | 'quoted' | 'closing';

/** Quotes let a CSV record run over lines; NDJSON has none. The byte-order mark is left out, blank lines are not records. */
export async function* billRecords(body: AsyncIterable<Uint8Array>, format: 'csv' | 'ndjson'): AsyncGenerator<RawRecord[]> {
  const cutter = new RecordCutter(format === 'csv');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of body) {
    assertUtf8(() => utf8.decode(chunk, { stream: true }));
    const records = cutter.push(chunk);
    if (records.length > 0) yield records;
  }
  assertUtf8(() => utf8.decode());
  const last = cutter.end();
  if (last.length > 0) yield last;
}

function assertUtf8(decode: () => string): void {
  try {
    decode();
  } catch {
    throw new UnreadableBill('The body is not UTF-8.');
  }
}

class RecordCutter {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #line = 1;
  #begins = 1;
  #place: Place = 'start';
  #isFirst = true;

  constructor(private readonly quotes: boolean) {}

  push(chunk: Uint8Array): RawRecord[] {
    const records: RawRecord[] = [];
    let from = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (byte === LF) {
        this.#line += 1;
        if (this.#place === 'quoted') continue;
        this.#take(chunk.subarray(from, i));
        const record = this.#finish(true);
        if (record !== null) records.push(record);
        from = i + 1;
      } else if (this.quotes) this.#place = next(this.#place, byte);
    }
    this.#take(chunk.subarray(from));
    return records;
  }

  /** A quote that never closes has swallowed the rest: the body breaks off. */
  end(): RawRecord[] {
    if (this.#place === 'quoted') throw new UnreadableBill(`The body breaks off inside the record of line ${this.#begins}.`);
    const record = this.#finish(false);
    return record === null ? [] : [record];
  }

  #take(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > RECORD_BYTES_MAX + 1) this.#parts = [];
    else if (part.length > 0) this.#parts.push(Uint8Array.from(part));
  }

  #finish(ended: boolean): RawRecord | null {
    const line = this.#begins;
    const text = this.#bytes > RECORD_BYTES_MAX + 1 ? null : this.#text();
    this.#parts = [];
    this.#bytes = 0;
    this.#begins = this.#line;
    this.#place = 'start';
    if (text === '') return null;
    return { line, text: text !== null && Buffer.byteLength(text) > RECORD_BYTES_MAX ? null : text, ended };
  }

  #text(): string {
    let text = Buffer.concat(this.#parts).toString('utf8');
    if (this.#isFirst && text.startsWith('\ufeff')) text = text.slice(1);
    this.#isFirst = false;
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  }
}

/** Where in its field the byte leaves the reader. A quote counts at the beginning of a field only, so a stray one spoils its own record alone. */
function next(place: Place, byte: number): Place {
  switch (place) {
    case 'start':
      // The byte-order mark's three bytes stand before the first field.
      return byte === QUOTE ? 'quoted' : byte === COMMA || byte >= 0xbb ? 'start' : 'plain';
    case 'plain':
      return byte === COMMA ? 'start' : 'plain';
    case 'quoted':
      return byte === QUOTE ? 'closing' : 'quoted';
    case 'closing':
      return byte === QUOTE ? 'quoted' : byte === COMMA ? 'start' : byte === CR ? 'closing' : 'plain';
  }
}

/** The fields of one CSV record, RFC 4180; null where its quotes are not. */
export function csvFields(text: string): string[] | null {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let field = '';
      for (at += 1; ;) {
        const quote = text.indexOf('"', at);
        if (quote === -1) return null;
        field += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        field += '"';
        at += 1;
      }
      if (at < text.length && text[at] !== ',') return null;
      fields.push(field);
    } else {
      const comma = text.indexOf(',', at);
      const field = text.slice(at, comma === -1 ? undefined : comma);
      if (field.includes('"')) return null;
      fields.push(field);
      at = comma === -1 ? text.length : comma;
    }
    if (at >= text.length) return fields;
    at += 1;
    if (at === text.length) return [...fields, ''];
  }
}
