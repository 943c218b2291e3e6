// 2 decide · what the deployment lays down for opening and ending tasks; made from the configuration, named in the facts it decides.
import type { DeadlinePolicy } from '#libs/tasks';

export interface SettlementPolicies {
  deadlinePolicy: DeadlinePolicy;
  /** Of `hold_until_verdict`: how long after the deadline a hold may wait. */
  holdCapMs: number;
  openTasksPerAccountMax: number;
}

const HOUR_MS = 3_600_000;

/** From the parts of the configuration that settlement asks; the whole one is such a part. */
export function settlementPoliciesOf(config: {
  deadlinePolicy: DeadlinePolicy;
  holdCapHours: number;
  openTasksPerAccountMax: number;
}): SettlementPolicies {
  const { deadlinePolicy, holdCapHours, openTasksPerAccountMax } = config;
  return { deadlinePolicy, holdCapMs: holdCapHours * HOUR_MS, openTasksPerAccountMax };
}
