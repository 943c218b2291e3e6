// query · what one task cost and why: folds the facts that name a task into its receipt; called by the receipts' projection and by refunds.
import { addMoney, moneyList, unreachable, type Credits, type JsonObject } from '#libs/kernel';
import type { Position } from '#libs/event-store';
import type { AccountFact, AccountFactType, GrantPart, ProviderCost, Release } from '#libs/ledger';
import type { TaskFact, TaskFactType } from '#libs/tasks';
import type { Ending, ReceiptLine, ReceiptState } from './receipt.state.js';
import { statementOf } from './receipt.statement.js';
import type { ReceiptLineKind, ReceiptView } from './receipt.view.js';

/** What of a stored fact a receipt needs; a StoredFact is one. */
export interface ReceiptFact {
  id: string;
  type: string;
  position: Position;
  data: JsonObject;
}

/** The fact types that can change a receipt: what its readers filter by. */
export const RECEIPT_FACT_TYPES = [
  'TaskSubmitted',
  'TaskRejected',
  'TaskCompleted',
  'TaskFailed',
  'TaskTimedOut',
  'TaskCancelled',
  'LateResultAccepted',
  'CreditsReserved',
  'CreditsConsumed',
  'CreditsRefunded',
  'CreditsGranted',
  'CreditsExpired',
  'GrantRevoked',
  'DebtRecorded',
  'DebtRepaid',
  'ProviderCostBooked',
] as const satisfies ReadonlyArray<AccountFactType | TaskFactType>;
type ReceiptFactType = (typeof RECEIPT_FACT_TYPES)[number];
type DataOf<Type extends ReceiptFactType> = Extract<AccountFact | TaskFact, { type: Type }>['data'];

const RECEIPT_FACT_TYPE_SET: ReadonlySet<string> = new Set(RECEIPT_FACT_TYPES);

/** The receipt of a task from its own facts and its account's, in log order; facts of other tasks among them are passed over. */
export function receiptOf(taskId: string, facts: readonly ReceiptFact[]): ReceiptView {
  const state = initialReceipt(taskId);
  for (const fact of facts) foldReceipt(state, fact);
  return renderReceipt(state);
}

export function initialReceipt(taskId: string): ReceiptState {
  return {
    taskId,
    lines: [],
    ending: null,
    lateAccepted: false,
    reservations: 0,
    openReservations: 0,
    held: 0,
    consumed: 0,
    overConsumed: 0,
    returned: 0,
    reissued: 0,
    goodwill: 0,
    owedLess: 0,
    lapsed: 0,
    providerCost: [],
    position: '',
  };
}

/** Folds in place. A fact of the task's stream is taken as the task's own; an account's fact only where it names the task. */
export function foldReceipt(state: ReceiptState, fact: ReceiptFact): ReceiptState {
  if (!RECEIPT_FACT_TYPE_SET.has(fact.type)) return state;
  if (apply(state, fact, fact.type as ReceiptFactType) && fact.position > state.position) state.position = fact.position;
  return state;
}

/** Answers whether the fact was the task's. */
function apply(state: ReceiptState, fact: ReceiptFact, type: ReceiptFactType): boolean {
  switch (type) {
    case 'TaskSubmitted':
    case 'TaskRejected': {
      const data = dataOf<'TaskSubmitted' | 'TaskRejected'>(fact);
      if (data.taskId !== state.taskId) return false;
      if (type === 'TaskRejected') state.ending = 'rejected';
      // The account's facts of a submission precede the task's in the log; the customer reads "quoted" first.
      state.lines.unshift(line(fact, data.decidedAt, 'quoted', data.credits, bucketsOf(data.drawdown)));
      return true;
    }
    case 'TaskCompleted':
      return end(state, 'completed');
    case 'TaskFailed':
      return end(state, 'failed');
    case 'TaskTimedOut':
      return end(state, 'timed_out');
    case 'TaskCancelled':
      return end(state, 'cancelled');
    case 'LateResultAccepted':
      state.lateAccepted = true;
      return true;
    case 'CreditsReserved':
      return applyReserved(state, fact, dataOf<'CreditsReserved'>(fact));
    case 'CreditsConsumed':
      return applyConsumed(state, fact, dataOf<'CreditsConsumed'>(fact));
    case 'CreditsRefunded':
      return applyRefunded(state, fact, dataOf<'CreditsRefunded'>(fact));
    case 'CreditsGranted':
      return applyGranted(state, fact, dataOf<'CreditsGranted'>(fact));
    case 'CreditsExpired':
    case 'GrantRevoked': {
      const data = dataOf<'CreditsExpired' | 'GrantRevoked'>(fact);
      if (data.taskId !== state.taskId) return false;
      state.lapsed += data.part.credits;
      return true;
    }
    case 'DebtRecorded':
      return applyDebt(state, fact, dataOf<'DebtRecorded'>(fact));
    case 'DebtRepaid': {
      const data = dataOf<'DebtRepaid'>(fact);
      if (data.goodwill?.taskId !== state.taskId) return false;
      // It lowers what is owed, so it comes back to no bucket.
      state.lines.push(line(fact, data.decidedAt, 'refunded', data.credits, {}));
      state.goodwill += data.credits;
      state.owedLess += data.credits;
      return true;
    }
    case 'ProviderCostBooked': {
      const data = dataOf<'ProviderCostBooked'>(fact);
      if (data.taskId !== state.taskId) return false;
      addCosts(state, [data.providerCost]);
      return true;
    }
    default:
      return unreachable(type, 'fact of a receipt');
  }
}

function end(state: ReceiptState, ending: Ending): boolean {
  state.ending = ending;
  return true;
}

function applyReserved(state: ReceiptState, fact: ReceiptFact, data: DataOf<'CreditsReserved'>): boolean {
  let found = false;
  for (const reservation of data.reservations) {
    if (reservation.taskId !== state.taskId) continue;
    found = true;
    state.reservations += 1;
    state.openReservations += 1;
    state.held += reservation.credits;
    state.lines.push(line(fact, data.decidedAt, 'held', reservation.credits, bucketsOf(reservation.drawdown)));
  }
  return found;
}

function applyConsumed(state: ReceiptState, fact: ReceiptFact, data: DataOf<'CreditsConsumed'>): boolean {
  if (data.taskId !== state.taskId) return false;
  if (data.consumed > 0) state.lines.push(line(fact, data.decidedAt, 'consumed', data.consumed, bucketsOf(data.parts)));
  state.consumed += data.consumed;
  state.openReservations -= 1;
  const released = release(state, fact, data.decidedAt, data);
  state.returned += released.returned;
  state.reissued += released.reissued;
  addCosts(state, data.providerCost);
  return true;
}

function applyRefunded(state: ReceiptState, fact: ReceiptFact, data: DataOf<'CreditsRefunded'>): boolean {
  if (data.taskId !== state.taskId) return false;
  const released = release(state, fact, data.decidedAt, data);
  switch (data.kind) {
    case 'hold':
      state.openReservations -= 1;
      state.returned += released.returned;
      state.reissued += released.reissued;
      break;
    case 'goodwill':
      state.goodwill += data.credits;
      break;
    default:
      unreachable(data.kind, 'kind of refund');
  }
  addCosts(state, data.providerCost);
  return true;
}

/** Of the debts that name a task only what it used beyond its hold is charged for it; the others are of what the hold's grant was. */
function applyDebt(state: ReceiptState, fact: ReceiptFact, data: DataOf<'DebtRecorded'>): boolean {
  if (data.taskId !== state.taskId) return false;
  if (data.cause !== 'over_consumption') return true;
  state.lines.push(line(fact, data.decidedAt, 'consumed', data.credits, {}));
  state.overConsumed += data.credits;
  return true;
}

/** Goodwill whose own grant was revoked is given as a new grant. */
function applyGranted(state: ReceiptState, fact: ReceiptFact, data: DataOf<'CreditsGranted'>): boolean {
  if (data.goodwill?.taskId !== state.taskId) return false;
  state.lines.push(line(fact, data.decidedAt, 'reissued', data.credits, bucketsOf([data])));
  state.goodwill += data.credits;
  return true;
}

function release(state: ReceiptState, fact: ReceiptFact, at: string, data: Release): { returned: Credits; reissued: Credits } {
  const returned = sum(data.returned);
  if (returned > 0) state.lines.push(line(fact, at, 'refunded', returned, bucketsOf(data.returned)));
  let reissued = 0;
  for (const reissue of data.reissued) reissued += reissue.grant.credits;
  if (reissued > 0) state.lines.push(line(fact, at, 'reissued', reissued, bucketsOf(data.reissued.map((reissue) => reissue.grant))));
  return { returned, reissued };
}

function addCosts(state: ReceiptState, costs: readonly ProviderCost[]): void {
  if (costs.length === 0) return;
  const sums = new Map(state.providerCost.map((money) => [money.currency, money.amountMinor]));
  for (const cost of costs) addMoney(sums, cost.cost);
  state.providerCost = moneyList(sums);
}

export function renderReceipt(state: ReceiptState): ReceiptView {
  return {
    taskId: state.taskId,
    charged: state.consumed + state.overConsumed - state.goodwill,
    statement: statementOf(state),
    lines: state.lines,
    providerCost: state.providerCost,
    position: state.position,
  };
}

function line(
  fact: ReceiptFact,
  at: string,
  what: ReceiptLineKind,
  amount: Credits,
  buckets: Partial<Record<string, Credits>>,
): ReceiptLine {
  return { at, what, credits: amount, buckets, position: fact.position, eventId: fact.id };
}

function bucketsOf(parts: ReadonlyArray<{ bucket: string; credits: Credits }>): Partial<Record<string, Credits>> {
  const buckets: Partial<Record<string, Credits>> = {};
  for (const part of parts) buckets[part.bucket] = (buckets[part.bucket] ?? 0) + part.credits;
  return buckets;
}

function sum(parts: readonly GrantPart[]): Credits {
  let total = 0;
  for (const part of parts) total += part.credits;
  return total;
}

/** The log's facts were written by the deciders, so their type tells the shape of their data. */
function dataOf<Type extends ReceiptFactType>(fact: ReceiptFact): DataOf<Type> {
  return fact.data as unknown as DataOf<Type>;
}
