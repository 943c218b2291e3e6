// The refusals of opening and ending tasks; mapped to HTTP at the edge, listed in docs/errors.md.
import type { ErrorCatalogue } from '#libs/kernel';

export const SETTLEMENT_ERRORS = {
  not_found: { meaning: 'There is no such account, task or quote, or the key may not see it.', retryable: false },
  validation_failed: { meaning: 'The request does not say what it must; an atomic batch names one account.', retryable: false },
  unknown_model: { meaning: 'No such model is listed, it was retired, or it has no price in effect yet.', retryable: false },
  price_changed: {
    meaning: 'The task would cost another amount than `expectedCredits` said; `expected` and `actual` carry both.',
    retryable: false,
  },
  quote_expired: { meaning: 'The quote is past its `expiresAt`; ask for a new one.', retryable: false },
  conflict: {
    meaning:
      'The quote is for another model or other parameters, or used up; goodwill would exceed what the task consumed; or no late result waits.',
    retryable: false,
  },
  account_suspended: { meaning: 'The account is suspended: it quotes and reads, but submits nothing.', retryable: false },
  plan_required: { meaning: 'The account’s plan is lower than the model’s minimum plan.', retryable: false },
  insufficient_credits: {
    meaning: 'The account’s available credits do not cover the price; `shortfall` says by how much.',
    retryable: false,
  },
  too_many_tasks: { meaning: 'The account has as many open tasks as it may have at once.', retryable: true },
  already_settled: { meaning: 'Nothing of the task was consumed, so there is nothing to give back.', retryable: false },
  not_ready: {
    meaning: 'What the decision must read is not indexed yet; nothing was done.',
    retryable: true,
  },
} as const satisfies ErrorCatalogue;
