// The settlement's public face.
export * from './errors.js';
export * from './receipt.js';
export * from './receipt.view.js';
export * from './settlement.messages.js';
export * from './settlement.policies.js';
export * from './settlements.js';
export * from './submission.decider.js';
export * from './submissions.js';
export * from './task-endings.js';
export * from './task-ledger-facts.port.js';
