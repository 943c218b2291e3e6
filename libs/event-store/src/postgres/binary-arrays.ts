// 3 append · lists as PostgreSQL's binary arrays: as text parameters they would cost more than the insert; called once per group.
//
// Layout: dimensions 1, a flag for nulls, the element's type, the length, the lower bound 1; then each element as its length and its bytes.

const HEADER_BYTES = 20;
const OID = { bytea: 17, int2: 21, int4: 23, text: 25 } as const;
/** An element that is null has this length and no bytes. */
const NULL_LENGTH = -1;
/** A scratch buffer that one huge group made large is not kept. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Written over and over: what `take` answers is valid until the next `push`. node-postgres copies parameters as soon as a pipelined
 * query is handed to it.
 */
export class BinaryArray {
  private bytes = Buffer.allocUnsafe(1024);
  private offset = HEADER_BYTES;
  private length = 0;
  private hasNull = false;

  constructor(private readonly element: keyof typeof OID) {}

  pushText(value: string | null): void {
    if (value === null) return this.pushNull();
    // A UTF-16 unit becomes at most three bytes of UTF-8.
    this.ensure(4 + value.length * 3);
    const length = this.bytes.write(value, this.offset + 4, 'utf8');
    this.bytes.writeInt32BE(length, this.offset);
    this.next(4 + length);
  }

  pushBytes(value: Buffer | null): void {
    if (value === null) return this.pushNull();
    this.ensure(4 + value.length);
    this.bytes.writeInt32BE(value.length, this.offset);
    value.copy(this.bytes, this.offset + 4);
    this.next(4 + value.length);
  }

  pushNumber(value: number): void {
    this.ensure(8);
    const size = this.element === 'int2' ? 2 : 4;
    this.bytes.writeInt32BE(size, this.offset);
    if (size === 2) this.bytes.writeInt16BE(value, this.offset + 4);
    else this.bytes.writeInt32BE(value, this.offset + 4);
    this.next(4 + size);
  }

  take(): Buffer {
    const { bytes, length, offset } = this;
    // An empty array has no dimension at all.
    bytes.writeInt32BE(length === 0 ? 0 : 1, 0);
    bytes.writeInt32BE(this.hasNull ? 1 : 0, 4);
    bytes.writeInt32BE(OID[this.element], 8);
    bytes.writeInt32BE(length, 12);
    bytes.writeInt32BE(1, 16);
    this.length = 0;
    this.hasNull = false;
    this.offset = HEADER_BYTES;
    if (bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafe(1024);
    return bytes.subarray(0, length === 0 ? 12 : offset);
  }

  private pushNull(): void {
    this.ensure(4);
    this.bytes.writeInt32BE(NULL_LENGTH, this.offset);
    this.hasNull = true;
    this.next(4);
  }

  private next(size: number): void {
    this.offset += size;
    this.length += 1;
  }

  private ensure(size: number): void {
    if (this.offset + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe((this.offset + size) * 2);
    this.bytes.copy(larger, 0, 0, this.offset);
    this.bytes = larger;
  }
}
