// 3 append · snapshots in table `snapshots`.
import type pg from 'pg';
import type { Snapshot, Snapshots, Until } from '../sessions/snapshots.port.js';
import { asUnavailable } from './unavailable.js';

const COLUMNS = 's.stream, s.version, s.revision, s.pos, s.recorded_at_ms, s.state';
const LATEST = `
  SELECT ${COLUMNS} FROM unnest($1::text[]) AS w (stream)
   CROSS JOIN LATERAL (SELECT * FROM snapshots WHERE stream = w.stream COLLATE "C" AND version = $2 ORDER BY revision DESC LIMIT 1) AS s`;
const before = (bound: string): string =>
  `SELECT ${COLUMNS} FROM snapshots AS s WHERE stream = $1 AND version = $2 AND ${bound} <= $3 ORDER BY revision DESC LIMIT 1`;
const BEFORE = { revision: before('revision'), instant: before('recorded_at_ms'), position: before('pos') } as const;
const SAVE = `
  INSERT INTO snapshots (stream, version, revision, pos, recorded_at_ms, state) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`;

type Row = [stream: string, version: number, revision: number, pos: string, recordedAtMs: string, state: string];

export class PostgresSnapshots implements Snapshots {
  constructor(private readonly pool: pg.Pool) {}

  async latest(streams: readonly string[], version: number): Promise<Map<string, Snapshot>> {
    const rows = await this.rows('latest', LATEST, [streams, version]);
    return new Map(rows.map((row) => [row[0], snapshotOf(row)]));
  }

  async before(stream: string, version: number, until: Until): Promise<Snapshot | null> {
    const [kind, bound] = boundOf(until);
    const [row] = await this.rows(`before_${kind}`, BEFORE[kind], [stream, version, bound]);
    return row === undefined ? null : snapshotOf(row);
  }

  async save({ stream, version, revision, position, recordedAt, state }: Snapshot): Promise<void> {
    await this.rows('save', SAVE, [stream, version, revision, position, recordedAt, state]);
  }

  private async rows(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.pool.query<Row>({ name: `snapshots_${name}`, text, values, rowMode: 'array' })).rows;
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}

function boundOf(until: Until): [kind: keyof typeof BEFORE, bound: number | string] {
  if ('revision' in until) return ['revision', until.revision];
  if ('recordedAtMax' in until) return ['instant', until.recordedAtMax];
  return ['position', until.positionMax];
}

function snapshotOf([stream, version, revision, pos, recordedAtMs, state]: Row): Snapshot {
  return { stream, version, revision, position: pos, recordedAt: Number(recordedAtMs), state };
}
