// The refusals of the studio; mapped to HTTP at the edge, listed in docs/errors.md.
import type { ErrorCatalogue } from '#libs/kernel';

export const STUDIO_ERRORS = {
  validation_failed: {
    meaning: 'A member of the request is missing, of the wrong type or out of range; `errors` names each, a variable by its name.',
    retryable: false,
  },
  not_found: { meaning: 'There is no such brief, prompt, version or clip, or the key may not see it.', retryable: false },
  already_exists: { meaning: 'A brief or a prompt with this id was made before.', retryable: false },
  conflict: {
    meaning:
      'The decision was made on an older revision of the clip, or its state does not allow the move: `possibleMoves` are those that it does. Or a gate was not confirmed: `missingGates`.',
    retryable: false,
  },
  forbidden: { meaning: 'A second person has to decide this: not the one who approved the clip in review.', retryable: false },
  attempt_budget_exhausted: {
    meaning: 'All attempts of the brief’s `attemptBudget` are used: failed generations count, refused submissions do not.',
    retryable: false,
  },
} as const satisfies ErrorCatalogue;

export type StudioRefusalCode = keyof typeof STUDIO_ERRORS;
