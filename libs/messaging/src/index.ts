// What other libs and apps may know of messaging.
export * from './kafka/kafka-messaging.js';
export * from './kafka/kafka.settings.js';
export { Backoff, pause } from './kafka/pause.js';
export * from './messaging.metrics.js';
export * from './messaging.module.js';
export * from './messaging.port.js';
export * from './topics.js';
