// The projections' public face.
export * from './read-models.port.js';
export { ProjectionEngine, PROJECTOR_LEASE, type EngineOptions } from './engine/engine.postgres.js';
export { ProjectionProgress } from './engine/progress.js';
export type { Projection, ReadModel, Statement } from './engine/read-model.port.js';
export {
  RebuildFailed,
  Rebuilds,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildReport,
  type RowDifference,
} from './engine/rebuild.postgres.js';
export { ProjectionRegistry, type VersionRow } from './engine/registry.postgres.js';
export { PostgresReadModels, type PostgresReadModelsOptions } from './read-models.postgres.js';
export { READ_MODEL_LIST } from './read-models.js';
export { ProjectedTaskLedgerFacts } from './receipts/query.postgres.js';
export { ProjectionsModule } from './projections.module.js';
export { PostgresFinanceReads } from './journal/finance-reads.postgres.js';
export { PostgresStudioReads } from './studio/studio-reads.postgres.js';
export { decodeCursor, encodeCursor } from './cursor.js';
export { TIMELINE_KINDS, type TimelineKind } from './user-timeline/entries-of.js';
