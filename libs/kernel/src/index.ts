// The kernel's public face: words that every other lib shares; it imports nothing of ours.
export * from './clock.js';
export * from './credits.js';
export * from './decimal.js';
export * from './decider.js';
export * from './errors.js';
export * from './ids.js';
export * from './invariant.js';
export * from './jcs.js';
export * from './json.js';
export * from './money.js';
