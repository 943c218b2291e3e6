// The refusals that the write path itself knows.
import type { ErrorCatalogue } from '#libs/kernel';

export const EVENT_STORE_ERRORS = {
  idempotency_key_reused: {
    meaning:
      'The Idempotency-Key was used before for another request, or for one that can no longer be compared because its texts were forgotten.',
    retryable: false,
  },
  overloaded: { meaning: 'Too many commands wait for one stream; nothing was done.', retryable: true },
  not_ready: {
    meaning: 'The event store cannot be reached; nothing is known to have been done. The same request with the same key is safe.',
    retryable: true,
  },
} as const satisfies ErrorCatalogue;
