// 1 HTTP in · which requests the audit tells of, and what it says of them: never a key, a query or a body. Pure, called by the hooks.
import type { InstantMs } from '#libs/kernel';
import type { EndpointSpec } from '../openapi/endpoint.decorator.js';
import type { Scope } from '../keys/api-key.js';

export interface AuditEntry {
  id: string;
  at: InstantMs;
  tenant: string;
  keyId: string;
  keyName: string;
  /** The operationId. */
  action: string;
  method: string;
  path: string;
  /** What the path names, or what was made. */
  target: string | null;
  status: number;
  requestId: string;
  position: string | null;
}

const PRIVILEGED: ReadonlySet<Scope> = new Set(['finance:read', 'support:read', 'admin']);
const PATH_CHARACTERS_MAX = 300;
const TARGET_CHARACTERS_MAX = 200;
/** What looks like a key is none of the audit's business, wherever somebody put it. */
const KEY_TEXTS = /rc_[A-Za-z0-9_-]{6,}/g;

/** Every write, and every read that more than a customer's scope is needed for. */
export function isAudited(method: string, { scope, orScope }: Pick<EndpointSpec, 'scope' | 'orScope'>): boolean {
  if (method !== 'GET' && method !== 'HEAD') return true;
  return (scope !== null && PRIVILEGED.has(scope)) || (orScope !== undefined && PRIVILEGED.has(orScope));
}

/** `req_<32 digits>` → `audit_<the same>`. */
export function auditId(requestId: string): string {
  return `audit_${requestId.slice('req_'.length)}`;
}

/** `secret`: a key that does not look like one. */
export function withoutKeys(text: string, secret: string | null): string {
  const shown = text.includes('rc_') ? text.replace(KEY_TEXTS, '[redacted]') : text;
  return secret === null ? shown : shown.replaceAll(secret, '[redacted]');
}

export function shownPath(path: string, secret: string | null): string {
  return withoutKeys(path, secret).slice(0, PATH_CHARACTERS_MAX);
}

/** The last id in the path; of what was made, the id that its Location names. */
export function targetOf(params: unknown, location: unknown, secret: string | null): string | null {
  const named = typeof params === 'object' && params !== null ? Object.values(params as Record<string, unknown>).at(-1) : undefined;
  const made = typeof location === 'string' ? location.slice(location.lastIndexOf('/') + 1) : undefined;
  const target = named ?? made;
  return typeof target === 'string' && target !== '' ? withoutKeys(target, secret).slice(0, TARGET_CHARACTERS_MAX) : null;
}
