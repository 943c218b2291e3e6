// Why an asset could not be kept; recorded with the task by the asset keeper, which tries again what is retryable.
import type { ErrorCatalogue } from '#libs/kernel';

export const ASSET_ERRORS = {
  url_invalid: { meaning: 'The URL is none of http or https, or carries a user name or a password.', retryable: false },
  address_forbidden: {
    meaning: 'The URL, or where it redirects to, leads to an address that is not public and not listed in ASSETS_ALLOW_HOSTS.',
    retryable: false,
  },
  too_many_redirects: { meaning: 'The URL redirects too often.', retryable: false },
  source_gone: { meaning: 'The vendor says that there is no such asset, or no longer.', retryable: false },
  source_refused: { meaning: 'The vendor refuses to hand the asset out.', retryable: false },
  source_unavailable: {
    meaning: 'The vendor could not be reached, answered with a fault of its own, or broke off before the asset was whole.',
    retryable: true,
  },
  timed_out: { meaning: 'The asset was not whole within ASSET_TIMEOUT_MS.', retryable: true },
  too_large: { meaning: 'The asset has more than ASSET_BYTES_MAX bytes.', retryable: false },
  empty: { meaning: 'The asset has no content.', retryable: false },
  storage_unavailable: { meaning: 'The storage of assets did not take it.', retryable: true },
} satisfies ErrorCatalogue;

export type AssetFailureCode = keyof typeof ASSET_ERRORS;
