// 4 project · the statements of task-status: how its rows are written, and how a row that left memory comes back; called by project.ts.
import type { TaskState, TaskStatus } from '#libs/tasks';
import { bigintArray, boolArray, instantArray, intArray, textArray } from '../engine/binary-arrays.js';
import { type Statement, versioned } from '../engine/read-model.port.js';
import { newRow, type TaskRow } from './task-row.js';

const SELECT = `
  SELECT stream, tenant, account_id, created_position, revision, position, document, sealed, held, consumed, refunded, reservations, open_reservations,
         ledger_positions
    FROM task_vN WHERE stream = ANY($1::text[])`;

const INSERT = `
  INSERT INTO task_vN (stream, tenant, account_id, task_id, user_id, model, status, stage, is_rejected, created_at, created_position, revision, position,
                       document, sealed, held, consumed, refunded, reservations, open_reservations, ledger_positions)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[],
                       $10::timestamptz[], $11::text[], $12::int[], $13::text[], $14::text[], $15::text[], $16::int8[], $17::int8[], $18::int8[],
                       $19::int[], $20::int[], $21::text[])`;

const UPDATE = `
  WITH changed AS (
    UPDATE task_vN AS r
       SET status = t.status, stage = t.stage, revision = t.revision, position = t.position, document = t.document, held = t.held, consumed = t.consumed,
           refunded = t.refunded, reservations = t.reservations, open_reservations = t.open_reservations, ledger_positions = t.ledger_positions
      FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::int8[], $8::int8[], $9::int8[], $10::int[], $11::int[],
                  $12::text[])
           AS t(stream, status, stage, revision, position, document, held, consumed, refunded, reservations, open_reservations, ledger_positions)
     WHERE r.stream = t.stream RETURNING 1)
  SELECT projection_expect('task', $13, (SELECT count(*) FROM changed))`;

const DELETE = 'DELETE FROM task_vN WHERE stream = ANY($1::text[])';

const ADD_TOTALS = `
  UPDATE task_total_vN AS r SET tasks = r.tasks + t.change FROM unnest($1::text[], $2::int8[]) AS t(status, change) WHERE r.status = t.status`;

export interface StoredTaskRow {
  stream: string;
  tenant: string;
  account_id: string;
  created_position: string | null;
  revision: number;
  position: string;
  document: string;
  sealed: string | null;
  held: string;
  consumed: string;
  refunded: string;
  reservations: number;
  open_reservations: number;
  ledger_positions: string;
}

export function selectRows(version: number, streams: readonly string[]): Statement {
  return statement(version, 'select', SELECT, [textArray(streams)]);
}

export function rowOf(stored: StoredTaskRow): TaskRow {
  const row = newRow(stored.stream, { stream: stored.stream, tenant: stored.tenant });
  row.accountId = stored.account_id;
  row.state = JSON.parse(stored.document) as TaskState;
  row.createdPosition = stored.created_position;
  row.revision = stored.revision;
  row.position = stored.position;
  row.sealed = stored.sealed;
  row.held = Number(stored.held);
  row.consumed = Number(stored.consumed);
  row.refunded = Number(stored.refunded);
  row.reservations = stored.reservations;
  row.openReservations = stored.open_reservations;
  row.ledgerPositions = positionsOf(stored.ledger_positions);
  row.stored = stored.created_position === null ? 'hidden' : 'shown';
  row.counted = stored.created_position === null ? null : row.state.status;
  return row;
}

/** What lists by status look under: tasks on their way change their status often, and are few. */
export function stageOf(status: TaskStatus): string {
  return status === 'pending' || status === 'processing' ? 'open' : status;
}

export function positionsOf(joined: string): string[] {
  return joined === '' ? [] : joined.split(',');
}

export function writeRows(version: number, rows: readonly TaskRow[]): Statement[] {
  const revealed = rows.filter((row) => row.stored === 'hidden' && row.createdPosition !== null);
  const inserted = rows.filter((row) => row.stored === 'no');
  const updated = rows.filter((row) => row.stored === 'shown' || (row.stored === 'hidden' && row.createdPosition === null));
  const statements: Statement[] = [];
  if (revealed.length > 0) statements.push(statement(version, 'delete', DELETE, [textArray(revealed.map((row) => row.stream))]));
  const whole = [...revealed, ...inserted];
  if (whole.length > 0) statements.push(insert(version, whole));
  if (updated.length > 0) statements.push(update(version, updated));
  return statements;
}

function insert(version: number, rows: readonly TaskRow[]): Statement {
  return statement(version, 'insert', INSERT, [
    textArray(rows.map((row) => row.stream)),
    textArray(rows.map((row) => row.tenant)),
    textArray(rows.map((row) => row.accountId)),
    textArray(rows.map((row) => row.taskId)),
    textArray(rows.map((row) => row.state.userId)),
    textArray(rows.map((row) => row.state.model)),
    textArray(rows.map((row) => row.state.status)),
    textArray(rows.map((row) => stageOf(row.state.status))),
    boolArray(rows.map((row) => row.state.status === 'rejected')),
    instantArray(rows.map((row) => (row.createdPosition === null ? null : row.state.createdAt))),
    textArray(rows.map((row) => row.createdPosition)),
    intArray(rows.map((row) => row.revision)),
    textArray(rows.map((row) => row.position)),
    textArray(rows.map((row) => JSON.stringify(row.state))),
    textArray(rows.map((row) => row.sealed)),
    bigintArray(rows.map((row) => row.held)),
    bigintArray(rows.map((row) => row.consumed)),
    bigintArray(rows.map((row) => row.refunded)),
    intArray(rows.map((row) => row.reservations)),
    intArray(rows.map((row) => row.openReservations)),
    textArray(rows.map((row) => row.ledgerPositions.join(','))),
  ]);
}

function update(version: number, rows: readonly TaskRow[]): Statement {
  return statement(version, 'update', UPDATE, [
    textArray(rows.map((row) => row.stream)),
    textArray(rows.map((row) => row.state.status)),
    textArray(rows.map((row) => stageOf(row.state.status))),
    intArray(rows.map((row) => row.revision)),
    textArray(rows.map((row) => row.position)),
    textArray(rows.map((row) => JSON.stringify(row.state))),
    bigintArray(rows.map((row) => row.held)),
    bigintArray(rows.map((row) => row.consumed)),
    bigintArray(rows.map((row) => row.refunded)),
    intArray(rows.map((row) => row.reservations)),
    intArray(rows.map((row) => row.openReservations)),
    textArray(rows.map((row) => row.ledgerPositions.join(','))),
    rows.length,
  ]);
}

/** What the batch changes in the number of tasks by status. */
export function writeTotals(version: number, rows: readonly TaskRow[]): Statement[] {
  const changes = new Map<TaskStatus, number>();
  const add = (status: TaskStatus, change: number): unknown => changes.set(status, (changes.get(status) ?? 0) + change);
  for (const row of rows) {
    if (row.createdPosition === null || row.counted === row.state.status) continue;
    if (row.counted !== null) add(row.counted, -1);
    add(row.state.status, 1);
  }
  if (changes.size === 0) return [];
  return [statement(version, 'totals', ADD_TOTALS, [textArray([...changes.keys()]), bigintArray([...changes.values()])])];
}

function statement(version: number, name: string, text: string, values: unknown[]): Statement {
  return { name: `task_v${version}_${name}`, text: versioned(text, version), values };
}
