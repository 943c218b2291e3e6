// Finance's expected refusals: code, meaning, whether trying again may help.
import type { ErrorCatalogue } from '#libs/kernel';

export const FINANCE_ERRORS: ErrorCatalogue = {
  validation_failed: { meaning: 'The request is not what the route takes.', retryable: false },
  conflict: { meaning: 'A month cannot be closed before it is over, nor while an earlier one with postings is open.', retryable: false },
  not_found: { meaning: 'There is no such period.', retryable: false },
};
