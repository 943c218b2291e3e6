// 3 append · decides what an error of EventStoreDB means: nothing was written, or nobody knows.
import { EventStoreUnavailable } from '../event-store.port.js';

/**
 * `ambiguous`: it may or may not have been done, so the identical request is sent again. `not_leader`: it was not done, and the client has
 * turned to the leader. `refused`: the server will never do it.
 */
export type Failure = 'ambiguous' | 'not_leader' | 'refused';

/** The `exception` that the server names beside its status. */
const REFUSED = new Set([
  'access-denied',
  'stream-deleted',
  'invalid-transaction',
  'maximum-append-size-exceeded',
  'missing-required-metadata-property',
  'user-not-found',
]);
/** INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED. */
const REFUSED_STATUS = new Set([3, 7, 12, 16]);

interface GrpcError {
  code?: unknown;
  metadata?: { get?: (name: string) => unknown[] };
}

export function failureOf(error: unknown): Failure {
  if (error instanceof RefusedByServer) return 'refused';
  const { code, metadata } = error as GrpcError;
  const [named] = metadata?.get?.('exception') ?? [];
  const exception = typeof named === 'string' ? named : '';
  if (exception === 'not-leader') return 'not_leader';
  return REFUSED.has(exception) || (typeof code === 'number' && REFUSED_STATUS.has(code)) ? 'refused' : 'ambiguous';
}

/** An answer within the append stream that names a reason which no repetition changes. */
export class RefusedByServer extends Error {
  override readonly name = 'RefusedByServer';
}

/** No answer came in time; our own clock says so, because the server's deadline is only as good as its connection. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

export function unavailable(error: unknown, what = 'EventStoreDB cannot be reached'): EventStoreUnavailable {
  return error instanceof EventStoreUnavailable ? error : new EventStoreUnavailable(what, { cause: error });
}

/** Doubling, capped, and anywhere between half and all of it, so that many that failed together do not come back together. */
export function backOffMs(failures: number, minMs: number, maxMs: number): number {
  const full = Math.min(maxMs, minMs * 2 ** Math.min(failures, 20));
  return full / 2 + (Math.random() * full) / 2;
}
