// The assets' public face.
export { AssetFetcher, type AssetFetcherParts } from './asset.fetcher.js';
export * from './asset-name.js';
export * from './asset-storage.port.js';
export * from './assets.module.js';
export * from './errors.js';
export { STORED_MEDIA_TYPES } from './media-types.js';
export * from './stored-asset.js';
