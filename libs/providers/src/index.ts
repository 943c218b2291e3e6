// The providers' public face.
export * from './provider.port.js';
