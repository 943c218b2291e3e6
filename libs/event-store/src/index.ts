// The event store's public face.
export * from './errors.js';
export * from './event-store.port.js';
export * from './idempotency/command-meta.js';
export * from './idempotency/keyed-commands.port.js';
export * from './idempotency/request-claimed.facts.js';
export * from './request-context.js';
export * from './sealing.port.js';
export * from './sessions.port.js';
export * from './streams.js';
