// The composition's public face.
export * from './core.modules.js';
export * from './external-database.js';
export * from './open-database.js';
export * from './role.main.js';
