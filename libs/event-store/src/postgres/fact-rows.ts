// 3 → 4 · how a row of `events` becomes a fact; used by every read.
import { eventId, type JsonObject } from '#libs/kernel';
import type { StoredFact } from '../event-store.port.js';
import { toPosition } from '../position.js';
import { metaOf } from '../pending-append.js';

export const FACT_COLUMNS = [
  'pos',
  'recorded_at_ms',
  'rev',
  'schema_version',
  'command_index',
  'stream',
  'type',
  'meta',
  'data',
  'sealed',
] as const;

/** For a select list: `e.pos, e.recorded_at_ms, …`. */
export function factColumns(alias: string): string {
  return FACT_COLUMNS.map((column) => `${alias}.${column}`).join(', ');
}

export type FactRow = [
  pos: string,
  recordedAtMs: string,
  rev: number,
  schemaVersion: number,
  commandIndex: number,
  stream: string,
  type: string,
  meta: string,
  data: string,
  sealed: string | null,
];

export function factOf([pos, recordedAtMs, rev, schemaVersion, commandIndex, stream, type, meta, data, sealed]: FactRow): StoredFact {
  const [commandId, tenant, actor, correlationId, causationId, requestHash] = metaOf(meta);
  return {
    id: eventId(commandId, commandIndex),
    type,
    schemaVersion,
    stream,
    revision: rev,
    position: toPosition(pos),
    recordedAt: Number(recordedAtMs),
    tenant,
    actor,
    correlationId,
    causationId,
    requestHash,
    data: JSON.parse(data) as JsonObject,
    sealed,
  };
}
