// 4 project · one task as task-status keeps it, and what each fact of the task or of its account makes of it; called by project.ts.
import { unreachable, type Credits } from '#libs/kernel';
import { parseStream, type Position, type StoredFact } from '#libs/event-store';
import type { AccountFact } from '#libs/ledger';
import { evolveTask, initialTask, settlementOf, type TaskFact, type TaskFigures, type TaskState, type TaskStatus } from '#libs/tasks';

export interface TaskRow {
  stream: string;
  tenant: string;
  accountId: string;
  taskId: string;
  state: TaskState;
  /** Null while only the reservation is known. */
  createdPosition: Position | null;
  revision: number;
  position: Position;
  sealed: string | null;
  held: Credits;
  consumed: Credits;
  refunded: Credits;
  reservations: number;
  openReservations: number;
  ledgerPositions: Position[];
  /** How the row stands in the table: not at all, as a reservation without a task, or as it should. */
  stored: 'no' | 'hidden' | 'shown';
  /** The status that the totals count it under; null when they do not. */
  counted: TaskStatus | null;
}

/** `fact` is the first that names the task: its own, or its account's. */
export function newRow(stream: string, fact: Pick<StoredFact, 'stream' | 'tenant'>): TaskRow {
  const { tenant } = fact;
  return {
    stream,
    tenant,
    accountId: fact.stream === stream ? '' : parseStream(fact.stream).id,
    taskId: parseStream(stream).id,
    state: initialTask(),
    createdPosition: null,
    revision: -1,
    position: '',
    sealed: null,
    held: 0,
    consumed: 0,
    refunded: 0,
    reservations: 0,
    openReservations: 0,
    ledgerPositions: [],
    stored: 'no',
    counted: null,
  };
}

/** Nothing more is expected of it: over, and settled. */
export function isAtRest(row: TaskRow): boolean {
  return row.createdPosition !== null && row.openReservations === 0 && row.state.status !== 'pending' && row.state.status !== 'processing';
}

export function figuresOf(
  row: Pick<TaskRow, 'held' | 'consumed' | 'refunded' | 'reservations' | 'openReservations'>,
  status: TaskStatus,
): TaskFigures {
  const { held, consumed, refunded } = row;
  // A task without a price moves nothing, so only its own ending says which way the reservation ended.
  const endedBy = status === 'completed' ? 'consumed' : 'refunded';
  const reservation = row.reservations === 0 ? null : ({ isOpen: row.openReservations > 0, consumed, refunded, endedBy } as const);
  return { held, consumed, refunded, settlement: settlementOf(reservation) };
}

/** A fact of the task's own stream. */
export function foldTaskFact(row: TaskRow, stored: StoredFact): void {
  const fact = stored as unknown as TaskFact;
  evolveTask(row.state, fact);
  if (fact.type === 'TaskSubmitted' || fact.type === 'TaskRejected') {
    row.createdPosition = stored.position;
    row.accountId = fact.data.accountId;
    row.sealed = stored.sealed;
  }
  row.revision = stored.revision;
  row.position = stored.position;
}

/** One task's part in a fact of its account. */
export type LedgerPart =
  | {
      kind: 'reserved';
      taskId: string;
      credits: Credits;
      /** Not a late result's: nothing was known of the task before. */ isFirst: boolean;
    }
  | { kind: 'ended'; taskId: string; held: Credits; consumed: Credits }
  | { kind: 'goodwill'; taskId: string; credits: Credits }
  /** Used beyond what was held: consumed, and owed. */
  | { kind: 'over_consumed'; taskId: string; credits: Credits }
  /** Named, for its receipt; no figure of the task changes. */
  | { kind: 'named'; taskId: string };

export function foldLedgerPart(row: TaskRow, part: LedgerPart, position: Position): void {
  switch (part.kind) {
    case 'reserved':
      row.held += part.credits;
      row.reservations += 1;
      row.openReservations += 1;
      break;
    case 'ended':
      row.held -= part.held;
      row.consumed += part.consumed;
      row.refunded += part.held - part.consumed;
      row.openReservations -= 1;
      break;
    case 'goodwill':
      row.consumed -= part.credits;
      row.refunded += part.credits;
      break;
    case 'over_consumed':
      row.consumed += part.credits;
      break;
    case 'named':
      break;
    default:
      unreachable(part, 'part in a fact');
  }
  row.position = position;
  if (row.ledgerPositions.at(-1) !== position) row.ledgerPositions.push(position);
}

/** Which tasks a fact of an account names, and what it says of each. */
export function ledgerPartsOf(stored: StoredFact): LedgerPart[] {
  const fact = stored as unknown as AccountFact;
  switch (fact.type) {
    case 'CreditsReserved':
      return fact.data.reservations.map(({ reservationId, taskId, credits }) => ({
        kind: 'reserved',
        taskId,
        credits,
        isFirst: reservationId === taskId,
      }));
    case 'CreditsConsumed':
      return [{ kind: 'ended', taskId: fact.data.taskId, held: fact.data.held, consumed: fact.data.consumed }];
    case 'CreditsRefunded': {
      const { kind, taskId, credits } = fact.data;
      return [kind === 'goodwill' ? { kind, taskId, credits } : { kind: 'ended', taskId, held: credits, consumed: 0 }];
    }
    case 'CreditsGranted': {
      const { goodwill, credits } = fact.data;
      return goodwill === undefined ? [] : [{ kind: 'goodwill', taskId: goodwill.taskId, credits }];
    }
    case 'DebtRecorded': {
      const { cause, taskId, credits } = fact.data;
      if (taskId === null) return [];
      return [cause === 'over_consumption' ? { kind: 'over_consumed', taskId, credits } : { kind: 'named', taskId }];
    }
    case 'DebtRepaid':
      return fact.data.goodwill === null ? [] : [{ kind: 'goodwill', taskId: fact.data.goodwill.taskId, credits: fact.data.credits }];
    case 'CreditsExpired':
    case 'GrantRevoked':
    case 'ProviderCostBooked':
      return fact.data.taskId === null ? [] : [{ kind: 'named', taskId: fact.data.taskId }];
    case 'DisputeOpened':
    case 'DisputeWon':
    case 'DisputeLost':
    case 'AdjustmentRequested':
    case 'AdjustmentRejected':
    case 'CreditsAdjusted':
    case 'AccountOpened':
    case 'PlanChanged':
    case 'CycleReset':
    case 'AccountSuspended':
    case 'AccountResumed':
      return [];
    default:
      return unreachable(fact, 'account fact');
  }
}
