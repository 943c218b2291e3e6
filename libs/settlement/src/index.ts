// The settlement's public face.
export * from './batches.js';
export * from './cancellations.js';
export * from './errors.js';
export * from './goodwill.js';
export * from './late-results.js';
export * from './receipt.js';
export * from './receipt.state.js';
export * from './receipt.view.js';
export * from './request.facts.js';
export * from './settlement.handler.js';
export * from './settlement.messages.js';
export * from './settlement.module.js';
export * from './settlement.policies.js';
export * from './settlements.js';
export * from './submissions.js';
export * from './task-ledger.js';
export * from './task-ledger-facts.port.js';
