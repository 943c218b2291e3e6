// 1 HTTP in · the refusals that the edge itself knows: the rest come from the libs' own catalogues.
import type { ErrorCatalogue } from '#libs/kernel';

export const API_ERRORS = {
  validation_failed: {
    meaning: 'The request is not what the route takes; `errors` names each member at fault by its JSON pointer.',
    retryable: false,
  },
  unauthorized: { meaning: 'No API key, or one that does not exist or was revoked.', retryable: false },
  forbidden: {
    meaning:
      'The API key lacks the scope that the route needs, or is bound to accounts where the whole tenant is meant; or the object belongs to the deployment and not to the tenant; or a second person has to decide.',
    retryable: false,
  },
  not_found: { meaning: 'No such route, or no such object that this API key may see.', retryable: false },
  method_not_allowed: { meaning: 'The route exists, but not with this method; `Allow` lists those that it has.', retryable: false },
  payload_too_large: { meaning: 'The body is larger than the route takes.', retryable: false },
  headers_too_large: { meaning: "The request's headers are larger than the server takes.", retryable: false },
  unsupported_media_type: {
    meaning: 'The body is not declared as what the route takes: application/json, or the type of a bill or of a log of attempts, in UTF-8.',
    retryable: false,
  },
  range_not_satisfiable: { meaning: 'The range that was asked for begins after the end of the asset.', retryable: false },
  rate_limited: { meaning: 'More requests a second than one API key may send; `Retry-After` says when to try again.', retryable: true },
  conflict: { meaning: 'The object is in a state that the request does not fit; the detail says which.', retryable: false },
  not_ready: {
    meaning:
      'A part that the answer needs is away, or has not yet reached the position asked for, or what the key wrote last (then what is not found may be on its way). Nothing acknowledged is lost; the same request with the same Idempotency-Key is safe.',
    retryable: true,
  },
  overloaded: { meaning: 'More work waits than is taken on; nothing was done.', retryable: true },
  internal: { meaning: 'A fault of ours; the log has it under the requestId.', retryable: true },
} as const satisfies ErrorCatalogue;
