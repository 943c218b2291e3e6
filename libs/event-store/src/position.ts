// Decides how a place in the log is written: 16 digits where an adapter counts positions, so that text order is log order.
import type { Position } from './event-store.port.js';

/** A position of any adapter: 16 digits, or EventStoreDB's commit and prepare as 32 hex digits. */
export const POSITION_PATTERN = /^(?:[0-9]{16}|[0-9a-f]{32})$/;
const COUNTED = /^[0-9]{16}$/;

export function toPosition(place: number | bigint | string): Position {
  return String(place).padStart(16, '0');
}

/** As a number: a log of 2^53 facts is out of reach. A position that another adapter made is behind everything that was counted. */
export function placeOf(position: Position): number {
  return COUNTED.test(position) ? Number(position) : Number.MAX_SAFE_INTEGER;
}
