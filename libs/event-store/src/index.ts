// The event store's public face.
export * from './event-store.port.js';
export * from './request-context.js';
export * from './sealing.port.js';
export * from './sessions.port.js';
export * from './streams.js';
