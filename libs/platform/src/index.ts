// The platform's public face.
export * from './config.js';
export * from './postgres/migrate.js';
export * from './tokens.js';
