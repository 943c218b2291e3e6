// The ledger's public face.
export * from './account.commands.js';
export * from './account.decider.js';
export * from './account.evolve.js';
export * from './account.facts.js';
export * from './account.messages.js';
export * from './account.snapshot.js';
export * from './account.state.js';
export * from './account.view.js';
export { compareBurn } from './burn-order.js';
export { isTimezone } from './cycle.js';
export { isCurrency } from './currency.js';
export { nextDueAt } from './due.js';
export { hasLapsed } from './grant-part.js';
export { ACCOUNT_ID_PATTERN } from './plan-change.decider.js';
export { movedBasis, recognisedMinor } from './recognition.js';
export * from './reserve.decider.js';
