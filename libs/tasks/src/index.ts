// The tasks' public face.
export * from './brief-attempt.js';
export * from './errors.js';
export * from './task.commands.js';
export * from './task.decider.js';
export * from './task.facts.js';
export * from './task.state.js';
export * from './task.view.js';
export * from './tasks.module.js';
