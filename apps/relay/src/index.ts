// The relay's public face: what the standalone process composes.
export * from './batch.js';
export * from './relay-checkpoint.postgres.js';
export * from './relay.js';
export * from './relay.metrics.js';
export * from './relay.module.js';
export { categoryOf, schemaUri, toCloudEvent } from './cloud-event.js';
