// The settlement's public face.
export * from './receipt.js';
export * from './receipt.view.js';
export * from './settlement.messages.js';
export * from './task-ledger-facts.port.js';
