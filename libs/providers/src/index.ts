// The providers' public face.
export * from './fleet/dead-letters.js';
export { FleetIntake, type FleetIntakeParts } from './fleet/fleet.intake.js';
export { FLEET_DEADLINE_MS_MAX } from './fleet/fleet.sender.js';
export type { FleetJob } from './fleet/fleet.job.js';
export { fleetMetrics, type FleetMetrics } from './fleet/fleet.metrics.js';
export { FLEET_PROVIDER_ID, FleetProvider, type FleetParts, type FleetSettings } from './fleet/fleet.provider.js';
export { CANCELLATION_SCHEMA, JOB_SCHEMA, RESULT_SCHEMA } from './fleet/fleet.schemas.js';
export * from './provider.port.js';
export * from './providers.module.js';
export { simulationErrors, simulationOf, type FieldError, type Simulation } from './simulator/simulator.parameters.js';
export { SimulatorProvider } from './simulator/simulator.provider.js';
