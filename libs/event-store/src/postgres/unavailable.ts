// Decides which errors of PostgreSQL mean that it cannot be reached, and which that it refused what it was told.
import { EventStoreUnavailable } from '../event-store.port.js';

/** Connection exceptions, shutdowns, no room or connections left, and what an operator or a timeout cancelled. */
const UNAVAILABLE_CLASSES = new Set(['08', '53', '57', '58', '25']);
/** The connection is over: what was on the wire may or may not have been done. */
const LOST_CODES = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P04',
  '57P05',
  '08000',
  '08003',
  '08006',
  '08001',
  '08004',
  '08P01',
  '25P03',
  '25P04',
]);

export function sqlState(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && (error as { severity?: unknown }).severity !== undefined ? code : null;
}

/** An answer was lost with its connection. Everything that is not an answer of the server is. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === null || LOST_CODES.has(state);
}

/** For reads: {@link EventStoreUnavailable} where the database is away, else the error itself (a fault of ours). */
export function asUnavailable(error: unknown): Error {
  if (error instanceof EventStoreUnavailable) return error;
  const state = sqlState(error);
  if (state === null || UNAVAILABLE_CLASSES.has(state.slice(0, 2)))
    return new EventStoreUnavailable('PostgreSQL cannot be reached', { cause: error });
  return error as Error;
}
