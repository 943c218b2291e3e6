// The platform's public face.
export * from './config.js';
export * from './leases/lease.js';
export * from './postgres/migrate.js';
export * from './tokens.js';
