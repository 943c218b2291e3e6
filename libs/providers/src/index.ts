// The providers' public face.
export * from './provider.port.js';
export * from './providers.module.js';
export { simulationErrors, simulationOf, type FieldError, type Simulation } from './simulator/simulator.parameters.js';
export { SimulatorProvider } from './simulator/simulator.provider.js';
