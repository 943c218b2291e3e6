// The catalogue's public face.
export * from './catalogue.facts.js';
export * from './catalogue.messages.js';
export * from './catalogue.port.js';
export * from './catalogue.view.js';
