// 4 project · PostgreSQL arrays in their binary form: node-postgres sends a Buffer as it is, at half the cost of array text on both sides.

const TEXT_OID = 25;
const INT8_OID = 20;
const INT4_OID = 23;
const BOOL_OID = 16;
const TIMESTAMPTZ_OID = 1184;
const HEADER_BYTES = 20;
/** 2000-01-01T00:00:00Z, where PostgreSQL's clock begins. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_32 = 4_294_967_296;
/** Room for a length, while all texts of an array are written at once. */
const LENGTH_GAP = '\0\0\0\0';

export function textArray(values: ReadonlyArray<string | null>): Buffer {
  let joined = '';
  for (const value of values) joined += value === null ? LENGTH_GAP : LENGTH_GAP + value;
  const bytes = Buffer.byteLength(joined);
  if (bytes !== joined.length) return wideTextArray(values, bytes);
  const { buffer, view } = header(HEADER_BYTES + bytes, TEXT_OID, values.length);
  buffer.write(joined, HEADER_BYTES, 'latin1');
  let offset = HEADER_BYTES;
  for (const value of values) {
    view.setInt32(offset, value === null ? -1 : value.length);
    offset += 4 + (value === null ? 0 : value.length);
  }
  return buffer;
}

/** Some text is not ASCII, so lengths in bytes are known only once each is written. */
function wideTextArray(values: ReadonlyArray<string | null>, bytes: number): Buffer {
  const { buffer, view } = header(HEADER_BYTES + bytes, TEXT_OID, values.length);
  let offset = HEADER_BYTES;
  for (const value of values) {
    const written = value === null ? -1 : buffer.write(value, offset + 4);
    view.setInt32(offset, written);
    offset += 4 + Math.max(0, written);
  }
  return buffer;
}

export function bigintArray(values: ReadonlyArray<number | null>): Buffer {
  return int64Array(values, INT8_OID, 0, 1);
}

/** Instants in milliseconds since the Unix epoch. */
export function instantArray(values: ReadonlyArray<number | null>): Buffer {
  return int64Array(values, TIMESTAMPTZ_OID, POSTGRES_EPOCH_MS, 1_000);
}

export function intArray(values: readonly number[]): Buffer {
  const { buffer, view } = header(HEADER_BYTES + 8 * values.length, INT4_OID, values.length);
  let offset = HEADER_BYTES;
  for (const value of values) {
    view.setInt32(offset, 4);
    view.setInt32(offset + 4, value);
    offset += 8;
  }
  return buffer;
}

export function boolArray(values: readonly boolean[]): Buffer {
  const { buffer, view } = header(HEADER_BYTES + 5 * values.length, BOOL_OID, values.length);
  let offset = HEADER_BYTES;
  for (const value of values) {
    view.setInt32(offset, 1);
    view.setInt8(offset + 4, value ? 1 : 0);
    offset += 5;
  }
  return buffer;
}

/** Each value is `(value - origin) * scale`. */
function int64Array(values: ReadonlyArray<number | null>, oid: number, origin: number, scale: number): Buffer {
  const { buffer, view } = header(HEADER_BYTES + 12 * values.length, oid, values.length);
  let offset = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      view.setInt32(offset, -1);
      offset += 4;
      continue;
    }
    const scaled = (value - origin) * scale;
    const high = Math.floor(scaled / TWO_32);
    view.setInt32(offset, 8);
    view.setInt32(offset + 4, high);
    view.setUint32(offset + 8, scaled - high * TWO_32);
    offset += 12;
  }
  return offset === buffer.length ? buffer : buffer.subarray(0, offset);
}

/** One dimension from 1, NULLs allowed. An empty array has one dimension of no elements, which PostgreSQL takes for an empty one. */
function header(bytes: number, oid: number, length: number): { buffer: Buffer; view: DataView } {
  const buffer = Buffer.allocUnsafe(bytes);
  const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
  view.setInt32(0, 1);
  view.setInt32(4, 1);
  view.setInt32(8, oid);
  view.setInt32(12, length);
  view.setInt32(16, 1);
  return { buffer, view };
}
