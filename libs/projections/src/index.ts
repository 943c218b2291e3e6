// The projections' public face.
export * from './read-models.port.js';
