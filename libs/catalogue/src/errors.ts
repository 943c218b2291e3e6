// The refusals of the catalogue; mapped to HTTP at the edge, listed in docs/errors.md.
import type { ErrorCatalogue } from '#libs/kernel';

export const CATALOGUE_ERRORS = {
  unknown_model: { meaning: 'No such model can be quoted: it was never listed, is retired, or has no price yet.', retryable: false },
  validation_failed: {
    meaning: 'A member of the request is missing, of the wrong type or out of range; `errors` names each.',
    retryable: false,
  },
  fleet_not_configured: {
    meaning: 'The model is to be made by a worker fleet, and this deployment has no Kafka to reach one.',
    retryable: false,
  },
  not_found: { meaning: 'There is no such model, plan or account, or the key may not see it.', retryable: false },
  conflict: { meaning: 'The model is retired: it has to be listed again before it can be priced.', retryable: false },
} as const satisfies ErrorCatalogue;
