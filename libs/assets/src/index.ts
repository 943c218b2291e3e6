// The assets' public face.
export * from './asset-name.js';
export * from './asset-storage.port.js';
export * from './errors.js';
export * from './stored-asset.js';
