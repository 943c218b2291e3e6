// The refusals of moving the test clock; mapped to HTTP at the edge, listed in docs/errors.md.
import type { ErrorCatalogue } from '#libs/kernel';

export type ReactionRefusalCode = 'conflict' | 'not_ready';

export const REACTION_ERRORS = {
  conflict: { meaning: 'The clock stands at that instant or later already; it never moves back.', retryable: false },
  not_ready: {
    meaning:
      'The clock was moved, but what is now due was not booked within the time allowed; it will be, and /readyz shows what is overdue.',
    retryable: true,
  },
} satisfies ErrorCatalogue & Record<ReactionRefusalCode, unknown>;
