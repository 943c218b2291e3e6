// 1 HTTP in · the table of the audit: written in batches, read newest first, its oldest rows deleted; called by the audit log alone.
import type pg from 'pg';
import { toIso, type InstantMs } from '#libs/kernel';
import { decodeCursor, encodeCursor, type Page, type PageQuery } from '#libs/projections';
import type { AuditEntry } from './audit-entry.js';

export interface AuditQuery extends PageQuery {
  /** A key id. */
  actor?: string;
  action?: string;
  from?: InstantMs;
  to?: InstantMs;
}

export interface AuditView {
  id: string;
  at: string;
  actor: { keyId: string; name: string };
  action: string;
  method: string;
  path: string;
  target: string | null;
  status: number;
  requestId: string;
  position: string | null;
}

/** Waits for no disk: what the machine's end can take is less than what waits in memory, and the commits of the log are not held up. */
const INSERT = `
  INSERT INTO audit_entries (tenant, at, id, key_id, key_name, action, method, path, target, status, request_id, position)
  SELECT u.* FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                         $10::smallint[], $11::text[], $12::text[]) AS u, (SELECT set_config('synchronous_commit', 'off', true)) AS quick
  ON CONFLICT DO NOTHING`;

const DELETE_OLDEST = `
  DELETE FROM audit_entries WHERE (tenant, at, id) IN (SELECT tenant, at, id FROM audit_entries WHERE at < $1 LIMIT $2)`;

interface AuditRow {
  at: Date;
  id: string;
  key_id: string;
  key_name: string;
  action: string;
  method: string;
  path: string;
  target: string | null;
  status: number;
  request_id: string;
  position: string | null;
}

export class AuditTable {
  constructor(private readonly pool: pg.Pool) {}

  async insert(entries: readonly AuditEntry[]): Promise<void> {
    const column = <Value>(of: (entry: AuditEntry) => Value): Value[] => entries.map(of);
    await this.pool.query({
      name: 'audit_insert',
      text: INSERT,
      values: [
        column((entry) => entry.tenant),
        column((entry) => toIso(entry.at)),
        column((entry) => entry.id),
        column((entry) => entry.keyId),
        column((entry) => entry.keyName),
        column((entry) => entry.action),
        column((entry) => entry.method),
        column((entry) => entry.path),
        column((entry) => entry.target),
        column((entry) => entry.status),
        column((entry) => entry.requestId),
        column((entry) => entry.position),
      ],
    });
  }

  /** Answers how many rows went, at most `limit`. */
  async deleteBefore(at: InstantMs, limit: number): Promise<number> {
    return (await this.pool.query({ name: 'audit_delete', text: DELETE_OLDEST, values: [toIso(at), limit] })).rowCount ?? 0;
  }

  async list(tenant: string, query: AuditQuery): Promise<Page<AuditView>> {
    const values: unknown[] = [];
    const param = (value: unknown): string => `$${values.push(value)}`;
    const terms = [`tenant = ${param(tenant)}`];
    if (query.actor !== undefined) terms.push(`key_id = ${param(query.actor)}`);
    if (query.action !== undefined) terms.push(`action = ${param(query.action)}`);
    if (query.from !== undefined) terms.push(`at >= ${param(toIso(query.from))}`);
    if (query.to !== undefined) terms.push(`at < ${param(toIso(query.to))}`);
    if (query.cursor !== null) {
      const [at, id] = decodeCursor('audit', query.cursor, ['integer', 'string']);
      terms.push(`(at, id) < (${param(toIso(at as number))}::timestamptz, ${param(id)}::text COLLATE "C")`);
    }
    const { rows } = await this.pool.query<AuditRow>(
      `SELECT at, id, key_id, key_name, action, method, path, target, status, request_id, position FROM audit_entries
        WHERE ${terms.join(' AND ')} ORDER BY at DESC, id DESC LIMIT ${param(query.limit + 1)}`,
      values,
    );
    const shown = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: shown.map(viewOf),
      nextCursor: last === undefined ? null : encodeCursor('audit', [last.at.getTime(), last.id]),
    };
  }
}

function viewOf(row: AuditRow): AuditView {
  return {
    id: row.id,
    at: toIso(row.at.getTime()),
    actor: { keyId: row.key_id, name: row.key_name },
    action: row.action,
    method: row.method,
    path: row.path,
    target: row.target,
    status: row.status,
    requestId: row.request_id,
    position: row.position,
  };
}
