// Carries why an asset is not kept from wherever that is found out up to the fetcher, which makes it a value.
import { ASSET_ERRORS, type AssetFailureCode } from '../errors.js';
import type { AssetFailure } from '../stored-asset.js';

export class NotKept extends Error {
  override readonly name = 'NotKept';

  constructor(
    readonly code: AssetFailureCode,
    detail: string,
  ) {
    super(detail);
  }

  get failure(): AssetFailure {
    return { code: this.code, detail: this.message, retryable: ASSET_ERRORS[this.code].retryable };
  }
}
