// 2 decide · where in the log the account's facts of one task stand; asked by goodwill refunds and late results, answered by projections.
import type { Position } from '#libs/event-store';

/** An index, not a truth: what it points at is read from the log and verified before anything is decided on it. */
export interface TaskLedgerFacts {
  /**
   * Positions of the account facts that name the task (reserved, consumed, refunded, lapsed on return, provider cost), ascending, as far as
   * they are projected; at most `limit`.
   */
  positionsOf(tenant: string, taskId: string, limit: number): Promise<Position[]>;
  /** Waits until everything up to the position is indexed; false after `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
}

/** Injection token of {@link TaskLedgerFacts}. */
export const TASK_LEDGER_FACTS = Symbol('TaskLedgerFacts');
