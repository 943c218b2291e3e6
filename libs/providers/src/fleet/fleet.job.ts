// 5 react · one attempt at a fleet as its row keeps it, how it is named, and what proves that a worker was given it.
import type { DeploymentSecret } from '#libs/platform';
import type { Money } from '#libs/kernel';
import type { ProviderAsset } from '../provider.port.js';

/** What a worker said in the end; the first one stands. */
export type FleetVerdict =
  | { kind: 'succeeded'; assets: ProviderAsset[]; deliveredFraction: string; actualDurationSeconds: string | null; cost: Money | null }
  | { kind: 'failed'; code: string; detail: string; blame: 'customer' | 'provider'; retryable: boolean; cost: Money | null }
  /** It stopped because it was told to. */
  | { kind: 'cancelled'; cost: Money | null };

/** Instants are milliseconds of the database's clock. */
export interface FleetJob {
  readonly jobId: string;
  /** The attempt's own id. */
  readonly clientJobId: string;
  readonly tenant: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly heartbeatEveryMs: number;
  readonly createdMs: number;
  /** Null: not known to stand on the topic. */
  readonly sentMs: number | null;
  /** How often workers gave it back. */
  readonly releases: number;
  readonly releasedMs: number | null;
  readonly worker: string | null;
  readonly claimedMs: number | null;
  readonly heardMs: number | null;
  /** Our own question, sent behind everything that was said by then, was read. */
  readonly probedMs: number | null;
  readonly percent: number | null;
  readonly cancelMs: number | null;
  readonly lostMs: number | null;
  readonly verdictMs: number | null;
  readonly verdict: FleetVerdict | null;
}

const TASK_PREFIX = 'task_';

/** The attempt `task_x.2` is the job `job_x.2`: whoever knows one knows the other. */
export function jobIdOf(clientJobId: string): string {
  return `job_${clientJobId.startsWith(TASK_PREFIX) ? clientJobId.slice(TASK_PREFIX.length) : clientJobId}`;
}

const TOKEN_PURPOSE = 'fleet-job';
const PROBE_PURPOSE = 'fleet-probe';

/** Goes out with the job and comes back with every message about it; stands in no fact and in no row. */
export function tokenOf(secret: DeploymentSecret, clientJobId: string): string {
  return secret.sign(TOKEN_PURPOSE, clientJobId);
}

/** No worker knows it, so none can ask in our name. */
export function probeTokenOf(secret: DeploymentSecret, clientJobId: string): string {
  return secret.sign(PROBE_PURPOSE, clientJobId);
}

export function isGenuine(secret: DeploymentSecret, kind: string, clientJobId: string, token: string): boolean {
  return secret.verify(kind === 'probe' ? PROBE_PURPOSE : TOKEN_PURPOSE, clientJobId, token);
}
