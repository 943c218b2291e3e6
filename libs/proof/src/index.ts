// What apps and other libs may know of proofs.
export * from './checkpoint.js';
export * from './merkle.js';
