// query · tasks as projected: one, or lists newest first; called by read-models.postgres.ts.
import type pg from 'pg';
import { toIso, type JsonValue } from '#libs/kernel';
import { type CustomerKeys, type Position, tenantStream, type TextSealer } from '#libs/event-store';
import { taskView, type TaskState, type TaskStatus, type TaskView } from '#libs/tasks';
import { Conditions } from '../conditions.js';
import { decodeCursor, encodeCursor } from '../cursor.js';
import type { Page, TaskListQuery, Visibility } from '../read-models.port.js';
import { maySee } from '../visibility.js';
import { positionsOf, stageOf } from './rows.js';
import { figuresOf } from './task-row.js';

const COLUMNS = `account_id, created_at, created_position, revision, position, document, sealed, held, consumed, refunded, reservations,
  open_reservations`;

interface ShownRow {
  account_id: string;
  created_at: Date;
  created_position: string;
  revision: number;
  position: string;
  document: string;
  sealed: string | null;
  held: string;
  consumed: string;
  refunded: string;
  reservations: number;
  open_reservations: number;
}

/** Where the facts of one task stand in the log. */
export interface TaskFacts {
  stream: string;
  ledgerPositions: Position[];
  /** Of the latest fact that the row knows. */
  position: Position;
}

export class TaskQueries {
  constructor(
    private readonly pool: pg.Pool,
    private readonly keys: CustomerKeys,
  ) {}

  async task(who: Visibility, taskId: string): Promise<TaskView | null> {
    if (taskId.includes('\0')) return null;
    const { rows } = await this.pool.query<ShownRow>({
      name: 'task',
      text: `SELECT ${COLUMNS} FROM task WHERE stream = $1 AND created_at IS NOT NULL`,
      values: [tenantStream('task', who.tenant, taskId)],
    });
    const row = rows[0];
    if (row === undefined || !maySee(who, row.account_id)) return null;
    return viewOf(row, row.sealed === null ? null : await this.keys.openerFor(who.tenant, row.account_id));
  }

  /** Newest first. The key is the instant shown, then the position, so that a range of time is a range of every index. */
  async tasks(who: Visibility, query: TaskListQuery): Promise<Page<TaskView>> {
    if (query.accountId !== undefined && !maySee(who, query.accountId)) return { data: [], nextCursor: null };
    const where = conditionsOf(who, query);
    const limit = where.param(query.limit + 1);
    const { rows } = await this.pool.query<ShownRow>(
      `SELECT ${COLUMNS} FROM task WHERE ${where.toString()} ORDER BY created_at DESC, created_position DESC LIMIT ${limit}`,
      where.values,
    );
    const shown = rows.slice(0, query.limit);
    const sealed = new Set(shown.filter((row) => row.sealed !== null).map((row) => row.account_id));
    const openers = sealed.size === 0 ? new Map<string, TextSealer | null>() : await this.keys.openersFor(who.tenant, [...sealed]);
    const last = rows.length > query.limit ? shown.at(-1) : undefined;
    return {
      data: shown.map((row) => viewOf(row, openers.get(row.account_id) ?? null)),
      nextCursor: last === undefined ? null : encodeCursor('tasks', [last.created_at.getTime(), last.created_position]),
    };
  }

  /** For receipts: which facts of the log speak of the task. */
  async factsOf(who: Visibility, taskId: string): Promise<TaskFacts | null> {
    if (taskId.includes('\0')) return null;
    const stream = tenantStream('task', who.tenant, taskId);
    const { rows } = await this.pool.query<{
      account_id: string;
      created_position: string | null;
      ledger_positions: string;
      position: string;
    }>({
      name: 'task_facts',
      text: 'SELECT account_id, created_position, ledger_positions, position FROM task WHERE stream = $1',
      values: [stream],
    });
    const row = rows[0];
    if (row === undefined || row.created_position === null || !maySee(who, row.account_id)) return null;
    return { stream, ledgerPositions: positionsOf(row.ledger_positions), position: row.position };
  }

  async tasksByStatus(): Promise<Partial<Record<TaskStatus, number>>> {
    const { rows } = await this.pool.query<{ status: TaskStatus; tasks: string }>('SELECT status, tasks FROM task_total');
    return Object.fromEntries(rows.map((row) => [row.status, Number(row.tasks)]));
  }
}

function conditionsOf(who: Visibility, query: TaskListQuery): Conditions {
  const where = new Conditions().add('tenant = ?', who.tenant);
  if (query.accountId !== undefined) where.add('account_id = ?', query.accountId);
  else if (who.accounts !== null) where.add('account_id = ANY(?)', who.accounts);
  if (query.status !== undefined) where.add('stage = ?', stageOf(query.status)).add('status = ?', query.status);
  else where.require('NOT is_rejected');
  if (query.userId !== undefined) where.add('user_id = ?', query.userId.replaceAll('\0', ''));
  if (query.model !== undefined) where.add('model = ?', query.model.replaceAll('\0', ''));
  if (query.from !== undefined) where.add('created_at >= ?', toIso(query.from));
  if (query.to !== undefined) where.add('created_at < ?', toIso(query.to));
  if (query.cursor === null) return where.require('created_at IS NOT NULL');
  const [createdAtMs, position] = decodeCursor('tasks', query.cursor, ['integer', 'string']);
  const key = `${where.param(toIso(createdAtMs as number))}::timestamptz, ${where.param(position)}::text COLLATE "C"`;
  return where.require(`(created_at, created_position) < (${key})`);
}

function viewOf(row: ShownRow, opener: TextSealer | null): TaskView {
  const state = JSON.parse(row.document) as TaskState;
  const figures = figuresOf(
    {
      held: Number(row.held),
      consumed: Number(row.consumed),
      refunded: Number(row.refunded),
      reservations: row.reservations,
      openReservations: row.open_reservations,
    },
    state.status,
  );
  const texts: Record<string, JsonValue> = row.sealed === null || opener === null ? {} : opener.open(row.sealed);
  const prompt = texts['prompt'];
  return taskView(
    state,
    figures,
    { prompt: typeof prompt === 'string' ? prompt : null, metadata: texts['metadata'] ?? null, variables: texts['variables'] ?? null },
    { revision: row.revision, position: row.position },
  );
}
