// What other libs and apps may know of routing.
export * from './account-routing.js';
export * from './buckets.js';
export * from './command-router.js';
export * from './routed-settlements.js';
export * from './routing.module.js';
