// Decides how EventStoreDB's commit and prepare positions are written: 32 hex digits, so that text order is log order.
import { POSITION_START, type Position } from '../event-store.port.js';

export interface LogPosition {
  commit: bigint;
  prepare: bigint;
}

const PATTERN = /^[0-9a-f]{32}$/;
/** What the server says where it knows no position. */
const UNKNOWN = 0xffff_ffff_ffff_ffffn;

export function positionText(commit: bigint, prepare: bigint): Position {
  return commit.toString(16).padStart(16, '0') + prepare.toString(16).padStart(16, '0');
}

/** Null for the log's start, and for a position that another adapter made: to read from the start leaves nothing out. */
export function logPosition(position: Position): LogPosition | null {
  if (position === POSITION_START || !PATTERN.test(position)) return null;
  return { commit: BigInt(`0x${position.slice(0, 16)}`), prepare: BigInt(`0x${position.slice(16)}`) };
}

/** Null where the server named none. */
export function namedPosition(commit: string, prepare: string): Position | null {
  const [c, p] = [BigInt(commit), BigInt(prepare)];
  return c >= UNKNOWN || p >= UNKNOWN ? null : positionText(c, p);
}
