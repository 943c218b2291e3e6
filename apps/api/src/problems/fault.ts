// 1 HTTP in · decides what a thrown error becomes: what we foresaw gets its code, everything else is `internal` without a word of detail.
import { EventStoreUnavailable, SessionsOverloaded } from '#libs/event-store';
import { InvalidCursor } from '#libs/projections';
import { ApiProblem, invalid } from './problem.js';

/** Answers the problem to show, and whether the error is a fault that the log must keep whole. */
export function problemOfError(error: unknown): { problem: ApiProblem; fault: boolean } {
  if (error instanceof ApiProblem) return { problem: error, fault: false };
  if (error instanceof EventStoreUnavailable) return { problem: away('The event store'), fault: false };
  if (error instanceof SessionsOverloaded)
    return { problem: new ApiProblem('overloaded', 'Too many commands wait for this account; nothing was done.'), fault: false };
  if (error instanceof InvalidCursor)
    return { problem: invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]), fault: false };
  if (isDatabaseAway(error)) return { problem: away('The database'), fault: false };
  const known = ofFramework(error);
  if (known !== null) return { problem: known, fault: false };
  return { problem: new ApiProblem('internal', 'Something went wrong on our side; the log has it under the requestId.'), fault: true };
}

function away(what: string): ApiProblem {
  return new ApiProblem('not_ready', `${what} cannot be reached at the moment; try again.`);
}

const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** Connection errors of the driver: SQLSTATE 08 (connection), 57P (shutdown), 53 (resources), or the socket's own. */
function isDatabaseAway(error: unknown): boolean {
  const { code, message, errors } = (error ?? {}) as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code === 'string') return NETWORK.has(code) || /^(08|57P|53)[0-9A-Z]*$/.test(code);
  if (Array.isArray(errors)) return errors.some(isDatabaseAway);
  return (
    typeof message === 'string' &&
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/.test(
      message,
    )
  );
}

/** Fastify's and Nest's own errors carry a status; their messages may name what was sent, so each gets a sentence of ours. */
function ofFramework(error: unknown): ApiProblem | null {
  const { statusCode, code } = (error ?? {}) as { statusCode?: unknown; code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('FST_') || typeof statusCode !== 'number') return null;
  if (statusCode === 413) return new ApiProblem('payload_too_large', 'The body is larger than this route takes.');
  if (statusCode === 415) return new ApiProblem('unsupported_media_type', 'The body must be application/json in UTF-8.');
  if (statusCode === 414) return new ApiProblem('not_found', 'There is no such route.');
  if (statusCode >= 400 && statusCode < 500)
    return new ApiProblem('validation_failed', 'The request cannot be read.', { errors: [{ pointer: '', detail: 'cannot be read' }] });
  return null;
}
