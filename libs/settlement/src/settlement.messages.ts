// 1 → 2 and 5 → 2 · the commands that open and end a task together with its reservation.
import { Command } from '@nestjs/cqrs';
import type { JsonObject, Refusal } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { TaskState, TaskView } from '#libs/tasks';
import type { ReceiptView } from './receipt.view.js';
import type { Settled, SettlementCause } from './settlements.js';

export interface TaskInput {
  accountId: string;
  model: string;
  quoteId?: string;
  /** None where the task names a prompt version: then it is rendered. */
  prompt?: string;
  briefId?: string;
  /** Only with a brief. */
  promptVersionId?: string;
  /** Only with a prompt version; default: those that the brief was readied with. */
  variables?: JsonObject;
  parameters?: JsonObject;
  userId?: string;
  expectedCredits?: number;
  metadata?: Record<string, string>;
}

/** Refusals of kind `insufficient_credits` and `plan_required` are recorded and carry `taskId`. */
export class SubmitTask extends Command<WriteResult<TaskView>> {
  constructor(
    readonly context: RequestContext,
    readonly input: TaskInput,
  ) {
    super();
  }
}
export type BatchEntry = { index: number; task: TaskView } | { index: number; problem: Refusal };
export class SubmitTaskBatch extends Command<WriteResult<{ results: BatchEntry[] }>> {
  constructor(
    readonly context: RequestContext,
    readonly input: { tasks: TaskInput[]; atomic: boolean },
  ) {
    super();
  }
}
export class CancelTask extends Command<WriteResult<{ outcome: 'done' | 'requested' | 'too_late'; task: TaskView }>> {
  constructor(
    readonly context: RequestContext,
    readonly taskId: string,
    readonly input: { reason?: string | null },
  ) {
    super();
  }
}
export class RefundTask extends Command<WriteResult<ReceiptView>> {
  constructor(
    readonly context: RequestContext,
    readonly taskId: string,
    readonly input: { credits: number; reason: string },
  ) {
    super();
  }
}
export class AcceptLateResult extends Command<WriteResult<TaskView>> {
  constructor(
    readonly context: RequestContext,
    readonly taskId: string,
  ) {
    super();
  }
}
/** From the orchestrator, and from a cancel that was done at once: makes the ledger agree with the task's ending, as the log tells it. Idempotent. */
export class SettleTask extends Command<Settled> {
  constructor(
    readonly tenant: string,
    readonly taskId: string,
    readonly causationId: string | null,
  ) {
    super();
  }
}
/** The same from a state that the caller just wrote or read: Settlements.settle, for a caller whose process does not own the account. */
export class SettleEnding extends Command<Settled> {
  constructor(
    readonly tenant: string,
    readonly task: TaskState,
    readonly cause: SettlementCause,
  ) {
    super();
  }
}
