// What other libs and apps may know of messaging.
export * from './messaging.port.js';
