// The orchestrator's public face.
export * from './orchestrator.js';
export * from './orchestrator.metrics.js';
export * from './orchestrator.module.js';
export * from './orchestrator.parts.js';
export { ProviderCalls } from './provider-calls.js';
export * from './reaction.policy.js';
