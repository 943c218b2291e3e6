// 5 react · keeps the watch's checkpoint, and lets one process of the deployment watch at a time.
import type pg from 'pg';
import type { EventStore, Position, StoredFact } from '#libs/event-store';
import { runUnderLease, type LeasedWork } from '#libs/platform';
import { InterruptionWatch } from './interruption-watch.js';

const LOAD = 'SELECT position FROM interruption_checkpoint';
/** Two owners at once can only leave the later position. */
const SAVE = 'UPDATE interruption_checkpoint SET position = $1 WHERE position < $1 COLLATE "C"';
const LEASE = 'interruptions';

export interface LeasedWatchParts {
  pool: pg.Pool;
  store: EventStore;
  heal: (reserved: StoredFact) => Promise<void>;
  onError: (error: unknown) => void;
  graceMs: number;
  lookEveryMs?: number;
  leaseTtlMs?: number;
}

export function watchInterruptions({ pool, leaseTtlMs, ...parts }: LeasedWatchParts): LeasedWork {
  const work = async (_lease: unknown, signal: AbortSignal): Promise<void> => {
    const { rows } = await pool.query<{ position: Position }>(LOAD);
    const save = async (position: Position): Promise<void> => {
      await pool.query(SAVE, [position]);
    };
    await new InterruptionWatch({ ...parts, save }, rows[0]?.position as Position).run(signal);
  };
  return runUnderLease(pool, LEASE, work, { onError: parts.onError, ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }) });
}
