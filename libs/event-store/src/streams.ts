// Every stream name in one place: `<category>-<tenant>.<id>` for a tenant's own, `<category>-<id>` for the deployment's.
import { invariant } from '#libs/kernel';

/** A tenant has no dot, so the first dot ends it; a category has no dash, so the first dash ends it. */
export const TENANT_PATTERN = /^[a-z0-9][a-z0-9_]{0,31}$/;

export type TenantCategory = 'account' | 'task' | 'brief' | 'prompt' | 'clip' | 'benchmark' | 'billing' | 'request';
export type DeploymentCategory = 'model' | 'plan';

/** All of them, `periods` of a tenant's accounting periods included. */
export const STREAM_CATEGORIES = [
  'account',
  'task',
  'brief',
  'prompt',
  'clip',
  'benchmark',
  'billing',
  'request',
  'periods',
  'model',
  'plan',
] as const satisfies ReadonlyArray<TenantCategory | DeploymentCategory | 'periods'>;

export function tenantStream(category: TenantCategory, tenant: string, id: string): string {
  return `${category}-${tenant}.${id}`;
}

export function deploymentStream(category: DeploymentCategory, id: string): string {
  return `${category}-${id}`;
}

export interface StreamParts {
  category: string;
  /** Null for a stream of the deployment's own. */
  tenant: string | null;
  id: string;
}

/** The inverse of the two functions above. */
export function parseStream(stream: string): StreamParts {
  const dash = stream.indexOf('-');
  invariant(dash > 0, () => `not a stream name: ${stream}`);
  const category = stream.slice(0, dash);
  const rest = stream.slice(dash + 1);
  if (category === 'model' || category === 'plan') return { category, tenant: null, id: rest };
  if (category === 'periods') return { category, tenant: rest, id: rest };
  const dot = rest.indexOf('.');
  invariant(dot > 0, () => `no tenant in stream name: ${stream}`);
  return { category, tenant: rest.slice(0, dot), id: rest.slice(dot + 1) };
}
