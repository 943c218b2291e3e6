// The catalogue's public face.
export * from './catalogue.facts.js';
export * from './catalogue.memory.js';
export * from './catalogue.messages.js';
export * from './catalogue.port.js';
export * from './catalogue.view.js';
export * from './catalogue.writer.js';
export * from './errors.js';
export * from './field-errors.js';
export * from './model.decider.js';
export * from './parameters.js';
export * from './plan.decider.js';
export * from './pricing.js';
export * from './quote-store.memory.js';
export * from './quote-store.postgres.js';
export * from './quote.port.js';
