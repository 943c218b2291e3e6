// Every refusal of the ledger: when it arises and whether the same request may succeed later; mapped to HTTP only at the edge.
import type { ErrorCatalogue } from '#libs/kernel';
import type { AccountRefusalCode } from './account.commands.js';

export const LEDGER_ERRORS = {
  validation_failed: { meaning: 'The request is not well formed; `errors` says where and why.', retryable: false },
  not_found: { meaning: 'There is no such object, or it is not the caller’s to see.', retryable: false },
  already_exists: { meaning: 'An account with this id was opened before.', retryable: false },
  insufficient_credits: {
    meaning: 'The account has fewer credits available than the request needs; `shortfall` are missing.',
    retryable: false,
  },
  plan_required: { meaning: 'The account’s plan does not include the model; `requiredPlan` is the lowest that does.', retryable: false },
  account_suspended: { meaning: 'The account is suspended: it quotes and reads, but cannot submit.', retryable: false },
  too_many_tasks: { meaning: 'The account has as many open tasks as it may have at once.', retryable: true },
  quote_expired: { meaning: 'The quote’s time is over; ask for a new one.', retryable: false },
  conflict: {
    meaning:
      'The request contradicts the present state: a quote used up, more goodwill than the task consumed, a grant under an open dispute, or more taken away than there is.',
    retryable: false,
  },
  already_settled: {
    meaning:
      'It has ended another way before: a task that consumed nothing, a grant that was revoked, a dispute or an adjustment that was decided.',
    retryable: false,
  },
  forbidden: { meaning: 'A second person has to decide this: not the key that asked for it.', retryable: false },
} as const satisfies ErrorCatalogue & Record<AccountRefusalCode, unknown>;
