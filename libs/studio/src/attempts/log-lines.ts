// 1 HTTP in · cuts the bytes of a log into lines as they arrive; a line is never longer than 64 KiB in memory, and one that is no UTF-8 spoils itself alone.
export const LINE_BYTES_MAX = 65_536;

export interface LogLine {
  /** From 1, blank lines counted. */
  line: number;
  text: string | { wrong: 'too_long' | 'not_utf8' };
}

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

/** One list per chunk of the body. Blank lines are left out, and so are the byte-order mark and a carriage return at a line's end. */
export async function* logLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<LogLine[]> {
  const cutter = new LineCutter();
  for await (const chunk of body) {
    const lines = cutter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = cutter.end();
  if (last.length > 0) yield last;
}

class LineCutter {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  #line = 1;

  push(chunk: Uint8Array): LogLine[] {
    const lines: LogLine[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      this.#finish(chunk.subarray(from, end), lines);
      from = end + 1;
    }
    this.#begin(chunk.subarray(from));
    return lines;
  }

  end(): LogLine[] {
    const lines: LogLine[] = [];
    this.#finish(new Uint8Array(0), lines);
    return lines;
  }

  /** The chunk is the reader's to use again, so what is kept of it is copied. */
  #begin(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#begunBytes += part.length;
    if (this.#begunBytes > LINE_BYTES_MAX + BOM.length + 1) this.#begun = [];
    else this.#begun.push(Uint8Array.from(part));
  }

  #finish(part: Uint8Array, lines: LogLine[]): void {
    const line = this.#line;
    this.#line += 1;
    const bytes = this.#begunBytes + part.length;
    const begun = this.#begun;
    this.#begun = [];
    this.#begunBytes = 0;
    if (bytes > LINE_BYTES_MAX + BOM.length + 1) {
      lines.push({ line, text: { wrong: 'too_long' } });
      return;
    }
    let whole = begun.length === 0 ? part : Buffer.concat([...begun, part]);
    if (line === 1 && BOM.every((byte, index) => whole[index] === byte)) whole = whole.subarray(BOM.length);
    if (whole[whole.length - 1] === CR) whole = whole.subarray(0, -1);
    if (whole.length > LINE_BYTES_MAX) {
      lines.push({ line, text: { wrong: 'too_long' } });
      return;
    }
    const text = this.#decode(whole);
    if (typeof text !== 'string' || text.trim() !== '') lines.push({ line, text });
  }

  #decode(bytes: Uint8Array): LogLine['text'] {
    try {
      return this.#utf8.decode(bytes);
    } catch {
      return { wrong: 'not_utf8' };
    }
  }
}
