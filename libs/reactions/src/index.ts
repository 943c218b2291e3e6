// The reactions' public face: what any process may know of the orchestrator's work.
export * from './due-rows.postgres.js';
export * from './errors.js';
export * from './orchestrator-status.js';
export * from './partitions.js';
export * from './provider-jobs.postgres.js';
export * from './reactions.module.js';
export * from './test-clock.js';
