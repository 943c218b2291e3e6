// 2 decide · what the deployment lays down for opening and ending tasks; made from the configuration, named in the facts it decides.
import type { DeadlinePolicy } from '#libs/tasks';

export interface SettlementPolicies {
  deadlinePolicy: DeadlinePolicy;
  /** Of `hold_until_verdict`: how long after the deadline a hold may wait. */
  holdCapMs: number;
  openTasksPerAccountMax: number;
}
