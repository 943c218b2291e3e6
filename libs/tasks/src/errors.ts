// The refusals of the task decider; mapped to HTTP at the edge, listed in docs/errors.md.
import type { ErrorCatalogue } from '#libs/kernel';
import type { TaskRefusalCode } from './task.decider.js';

export const TASK_ERRORS = {
  not_found: { meaning: 'There is no such task, or the key may not see it.', retryable: false },
  conflict: {
    meaning: 'What was asked contradicts what is recorded of the task: another attempt is live, it is over, or nothing is on offer.',
    retryable: false,
  },
  validation_failed: {
    meaning: 'A reported value is not one the task can record, such as a progress above 100 or a fraction above 1.',
    retryable: false,
  },
} satisfies ErrorCatalogue & Record<TaskRefusalCode, unknown>;
