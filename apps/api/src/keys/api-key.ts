// 1 HTTP in · what an API key is and may do; stored as a hash, held in memory by every process that serves.
import { createHash, randomBytes } from 'node:crypto';

export const SCOPES = [
  'balances:read',
  'tasks:read',
  'tasks:write',
  'ledger:write',
  'finance:read',
  'support:read',
  'catalogue:write',
  'studio:read',
  'studio:write',
  'worker',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** The tenant of `ADMIN_API_KEY`: models, plans and the test clock are changed by its keys only. */
export const DEPLOYMENT_TENANT = 'default';

export interface ApiKey {
  id: string;
  tenant: string;
  name: string;
  scopes: readonly Scope[];
  /** Null: every account of the tenant. */
  accounts: readonly string[] | null;
  createdAt: string;
  /** Hex SHA-256 of the key. */
  hash: string;
  /** Asked on every request; `admin` implies all. */
  may: ReadonlySet<Scope>;
  /** The last position that this key wrote through this process: its reads wait for it. */
  lastPosition: string | null;
  /** Token bucket of the request rate. */
  tokens: number;
  refilledAt: number;
}

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function newToken(): string {
  return `rc_${randomBytes(32).toString('base64url')}`;
}
