// What apps and other libs may know of proofs.
export * from './checkpoint.js';
export * from './leaf.js';
export * from './ledger-proofs.js';
export * from './merkle.js';
export * from './proof-builder.js';
export * from './proof-tables.postgres.js';
export * from './proof.module.js';
export * from './receipt-file.js';
export * from './tiles.js';
export * from './verify-log.js';
