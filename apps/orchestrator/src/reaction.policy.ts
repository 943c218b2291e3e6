// 5 react · the orchestrator's limits and delays in one place; tests shorten the delays, nothing else changes them.
import type { OverConsumptionPolicy } from '#libs/ledger';
import type { LateResultPolicy } from '#libs/tasks';

export interface ReactionPolicy {
  lateResult: LateResultPolicy;
  /** Whether a provider may say that it delivered more than all: the customer pays what was held, or owes the rest. Else it is not believed. */
  overConsumption: OverConsumptionPolicy;
  /** Submissions of one task, where the provider says that nothing was created. */
  attemptsMax: number;
  /** Before the second attempt; doubled for each further one, ± half of it. */
  retryAfterMs: number;
  /** Of retries that go on until the deadline, the longest delay between two. */
  retryAfterMsMax: number;
  /** How long after an ending a verdict is still looked for. */
  lateWindowMs: number;
  /** How long after an ending a job without a verdict still counts among those that run at a provider that bounds them. */
  jobGraceMs: number;
  /** The longest delay between two looks for a late result. */
  lateLookEveryMsMax: number;
  /** Progress is recorded in steps of at least this many percent. */
  progressStepPercent: number;
  /** A look-up must say so this often, one poll apart, before a submission that may have arrived is believed never to have. */
  neverCreatedConfirmations: number;
}

export const REACTION_POLICY: Omit<ReactionPolicy, 'lateResult' | 'overConsumption'> = {
  attemptsMax: 3,
  retryAfterMs: 500,
  retryAfterMsMax: 60_000,
  lateWindowMs: 86_400_000,
  jobGraceMs: 600_000,
  lateLookEveryMsMax: 900_000,
  progressStepPercent: 10,
  neverCreatedConfirmations: 2,
};

export interface OrchestratorLimits {
  /** Tasks in memory at once; the rest wait as rows. */
  activeTasksMax: number;
  /** Of one account, waiting for their first submission: the rest of its backlog waits as rows. */
  waitingPerAccountMax: number;
  /** Rows and checkpoint are written this often while there is something to write. */
  writeEveryMs: number;
  /** Likewise, for a while after the clock was moved: somebody waits for the rows. */
  writeEagerlyEveryMs: number;
  /** Accounts whose dues are booked at once. */
  accountsAtOnceMax: number;
  /** How often parked tasks and due accounts are looked for. */
  lookEveryMs: number;
  leaseTtlMs: number;
  drainTimeoutMs: number;
}

export const ORCHESTRATOR_LIMITS: OrchestratorLimits = {
  activeTasksMax: 50_000,
  waitingPerAccountMax: 2_000,
  writeEveryMs: 500,
  writeEagerlyEveryMs: 20,
  accountsAtOnceMax: 64,
  lookEveryMs: 250,
  leaseTtlMs: 3_000,
  drainTimeoutMs: 10_000,
};
