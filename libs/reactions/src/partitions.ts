// 5 react · says which partition an account's reactions belong to: its tasks, its settlements and its dues, so that one process at a time acts on them.
import { createHash } from 'node:crypto';

/** Fixed for a deployment: rows carry the partition they were hashed to, and each partition has a checkpoint row. */
export const PARTITION_COUNT = 16;

/** The group of leases that spreads the partitions over the orchestrators. */
export const ORCHESTRATOR_GROUP = 'orchestrator';

export const ALL_PARTITIONS: readonly number[] = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition);

/** Stable for good, and the same in SQL (see the migration that introduced partitions). */
export function partitionOf(tenant: string, accountId: string): number {
  return createHash('sha256').update(`${tenant}.${accountId}`).digest()[0]! % PARTITION_COUNT;
}

/** The name of a partition's lease. */
export function partitionLease(partition: number): string {
  return `${ORCHESTRATOR_GROUP}/${partition}`;
}
