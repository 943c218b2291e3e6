// What keeping an asset comes to: what is recorded of it, or why it could not be kept. The asset keeper of the orchestrator asks for it.
import type { AssetFailureCode } from './errors.js';

export interface StoredAsset {
  /** 64 hex digits that nobody can guess: whoever knows them may see the asset. */
  id: string;
  /** `<id>.<extension>` */
  name: string;
  /** `<PUBLIC_URL or nothing>/v1/assets/<name>` */
  url: string;
  /** Hex, of the content. */
  sha256: string;
  bytes: number;
  mediaType: string;
  /** Measured; exact decimal string; null where it is not known. */
  durationSeconds: string | null;
  width: number | null;
  height: number | null;
}

export interface AssetFailure {
  code: AssetFailureCode;
  /** For operators: never holds the query of a URL, where vendors put their signatures. */
  detail: string;
  /** Whether the same URL may yet be had. */
  retryable: boolean;
}

export type KeptAsset = { kept: true; asset: StoredAsset } | { kept: false; failure: AssetFailure };

/** What the vendor says of it; believed only where the content does not say itself. */
export interface AssetHints {
  mediaType?: string | null;
  /** Ends the copying early: it then counts as timed out. */
  signal?: AbortSignal;
}

/** What AssetFetcher, the class token of AssetsModule, is to its callers. */
export interface AssetKeeping {
  /**
   * Copies what the URL leads to into the storage. Safe to call again, and from several processes at once: the same content becomes the same
   * asset. Never throws for what the vendor or the storage did; bounded by ASSET_TIMEOUT_MS.
   */
  keep(tenant: string, sourceUrl: string, hints?: AssetHints): Promise<KeptAsset>;
}
