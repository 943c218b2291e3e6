// 1 → 2 · decides what a request's facts say of their cause: the command's id, its key's digest and the hash of what was asked.
import { hash } from 'node:crypto';
import { commandIdOf, jcs, keyDigest, newCommandId, type ErasableRef, type JsonObject } from '#libs/kernel';
import type { CommandMeta } from '../event-store.port.js';
import type { RequestContext } from '../request-context.js';
import { internalCommandId } from './internal-key.js';

/**
 * Hex SHA-256 over the JCS bytes of {method, path, body}, each erasable member of the body replaced by its ref: forgetting a
 * person leaves nothing behind that a guess of the text could be checked against.
 */
export function hashRequest(
  context: Pick<RequestContext, 'method' | 'path' | 'body'>,
  refs: Readonly<Record<string, ErasableRef>>,
  body: JsonObject = context.body,
): string {
  return hash('sha256', jcs({ method: context.method, path: context.path, body: { ...body, ...refs } }), 'hex');
}

/** The meta of a request's command: its id follows from the key where there is one, so the same command again makes the same ids. */
export function commandMeta(context: RequestContext, requestHash: string | null, part?: string): CommandMeta {
  const { tenant, actor, correlationId, causationId, idempotencyKey } = context;
  if (idempotencyKey === null) return { commandId: newCommandId(), tenant, actor, correlationId, causationId, requestHash };
  const digest = keyDigest(tenant, idempotencyKey, part);
  const named = part === undefined ? internalCommandId(idempotencyKey) : null;
  return { commandId: named ?? commandIdOf(digest), tenant, actor, correlationId, causationId, requestHash, keyDigest: digest };
}

/** The meta of a command that no request caused: the orchestrator's, a start-up's. Pass `commandId` where a repeat must be recognised. */
export function processMeta(tenant: string, process: string, causationId: string | null, commandId: string = newCommandId()): CommandMeta {
  return { commandId, tenant, actor: process, correlationId: commandId, causationId, requestHash: null };
}
