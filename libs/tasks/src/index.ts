// The tasks' public face.
export * from './task.commands.js';
export * from './task.facts.js';
export * from './task.state.js';
export * from './task.view.js';
