// 1 HTTP in · the statuses that a list of tasks can be filtered by; the compiler keeps them those of libs/tasks.
import type { TaskStatus } from '#libs/tasks';

const KNOWN: Readonly<Record<TaskStatus, true>> = {
  pending: true,
  processing: true,
  completed: true,
  failed: true,
  timed_out: true,
  cancelled: true,
  rejected: true,
};

export const TASK_STATUSES = Object.keys(KNOWN) as TaskStatus[];
