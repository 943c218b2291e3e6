// The settlement's public face.
export * from './receipt.view.js';
export * from './settlement.messages.js';
