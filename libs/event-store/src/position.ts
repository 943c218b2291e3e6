// Decides how a place in the log is written: 16 digits, so that text order is log order. Used by every adapter that counts positions.
import type { Position } from './event-store.port.js';

export const POSITION_PATTERN = /^[0-9]{16}$/;

export function toPosition(place: number | bigint | string): Position {
  return String(place).padStart(16, '0');
}

/** As a number: a log of 2^53 facts is out of reach. */
export function placeOf(position: Position): number {
  return Number(position);
}
