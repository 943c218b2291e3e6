// The platform's public face.
export * from './clock/deployment-clock.js';
export * from './config.js';
export * from './config/configuration.document.js';
export * from './config/parse-config.js';
export { settings, type Setting } from './config/setting.js';
export * from './leases/lease.js';
export * from './logging/logger.js';
export * from './logging/nest-logger.js';
export * from './platform.module.js';
export * from './postgres/embedded/embedded-postgres.js';
export * from './postgres/migrate.js';
export * from './postgres/pool.js';
export * from './startup-error.js';
export * from './telemetry/metrics.js';
export * from './telemetry/readiness.js';
export * from './tokens.js';
