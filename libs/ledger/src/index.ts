// The ledger's public face.
export * from './account.commands.js';
export * from './account.facts.js';
export * from './account.messages.js';
export * from './account.state.js';
export * from './account.view.js';
