// 1 HTTP in · what a command is told of the request behind it.
import type { FastifyRequest } from 'fastify';
import type { JsonObject } from '#libs/kernel';
import type { RequestContext } from '#libs/event-store';
import type { Visibility } from '#libs/projections';
import type { ApiKey } from '../keys/api-key.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { ACCOUNT_ID_PATTERN } from '../validation/words.js';
import { keyOf, pathOf } from './exchange.js';

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

export function contextOf(request: FastifyRequest): RequestContext {
  const key = keyOf(request);
  const body = request.body;
  return {
    tenant: key.tenant,
    actor: key.id,
    correlationId: request.exchange.correlationId,
    causationId: request.exchange.requestId,
    method: request.method,
    path: pathOf(request),
    body: typeof body === 'object' && body !== null ? (body as JsonObject) : {},
    idempotencyKey: idempotencyKeyOf(request),
    accounts: key.accounts,
  };
}

/** PUT and DELETE are idempotent by themselves and take no key. */
function idempotencyKeyOf(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined || request.method !== 'POST') return null;
  if (typeof header !== 'string' || !IDEMPOTENCY_KEY.test(header)) {
    throw new ApiProblem('validation_failed', 'The Idempotency-Key must be 1 to 255 printable ASCII characters.', {
      errors: [{ pointer: '', detail: 'the Idempotency-Key header must be 1 to 255 printable ASCII characters' }],
    });
  }
  return header;
}

export function visibilityOf(request: FastifyRequest): Visibility {
  const key = keyOf(request);
  return { tenant: key.tenant, accounts: key.accounts };
}

export function maySee(key: ApiKey, accountId: string): boolean {
  return key.accounts === null || key.accounts.includes(accountId);
}

/** The account named in the path; one that cannot be, or that the key may not touch, is not found. */
export function accountInPath(request: FastifyRequest): string {
  const id = (request.params as { id: string }).id;
  if (!ACCOUNT_ID_PATTERN.test(id) || !maySee(keyOf(request), id)) throw notFound('account');
  return id;
}

/** An account that a list is asked for; one that the key may not touch is not found. */
export function assertMaySee(request: FastifyRequest, accountId: string | undefined): void {
  if (accountId !== undefined && !maySee(keyOf(request), accountId)) throw notFound('account');
}

const PREFIXED_ID = /^[a-z]{1,16}_[A-Za-z0-9]{1,64}$/;

/** An id that the product made (`task_…`, `grant_…`, `key_…`). */
export function idInPath(request: FastifyRequest, name: string, prefix: string): string {
  const id = (request.params as Record<string, string>)[name] as string;
  if (!id.startsWith(`${prefix}_`) || !PREFIXED_ID.test(id)) throw notFound(prefix === 'key' ? 'API key' : prefix);
  return id;
}

/** What is of all accounts, a key that is bound to some of them may neither change nor see. `what` begins the sentence: `Periods`. */
export function assertOfTheTenant(request: FastifyRequest, what: string): void {
  if (keyOf(request).accounts !== null)
    throw new ApiProblem('forbidden', `${what} are of the whole tenant; this API key is bound to accounts.`);
}
