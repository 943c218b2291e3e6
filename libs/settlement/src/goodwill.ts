// 1 → 2 → 3 · gives back what a task consumed: reads what was consumed from the log, lets the ledger bound it, answers the receipt.
import { invariant, refuse } from '#libs/kernel';
import {
  KEY_CONFLICT,
  tenantStream,
  type CommandMeta,
  type Executed,
  type Position,
  type RequestContext,
  type StoredFact,
  type WriteResult,
} from '#libs/event-store';
import type { AccountCommand, AccountFact, GrantPart } from '#libs/ledger';
import { isOver, type TaskState } from '#libs/tasks';
import type { EndingParts } from './cancellations.js';
import { ledgerDecision } from './ledger-decisions.js';
import { receiptOf } from './receipt.js';
import type { ReceiptView } from './receipt.view.js';
import { unrecordedRefusal } from './submission.answers.js';
import { noSuchTask, notIndexedYet } from './task-ledger.js';

export interface GoodwillInput {
  credits: number;
  reason: string;
}

export class Goodwill {
  constructor(private readonly parts: EndingParts) {}

  async refund(context: RequestContext, taskId: string, input: GoodwillInput): Promise<WriteResult<ReceiptView>> {
    const seen = await this.parts.ledger.find(context, taskId);
    if (seen === null) return unrecordedRefusal(noSuchTask());
    const { state } = seen;
    return this.parts.keyed.run<ReceiptView>(context, {
      execute: ({ meta }) => this.execute(state, input, meta),
      replay: async ({ facts, position }) => {
        const known = await this.parts.ledger.factsOf(context.tenant, state, position);
        return this.answer(context.tenant, state, known ?? facts, position);
      },
    });
  }

  private async execute(task: TaskState, input: GoodwillInput, meta: CommandMeta): Promise<Executed<ReceiptView>> {
    const { tenant } = meta;
    if (isOver(task)) await this.parts.settlements.settleFromLog(tenant, task.taskId, null);
    const known = await this.parts.ledger.factsOf(tenant, task);
    if (known === null) return unrecordedRefusal(notIndexedYet());
    const command = goodwillCommand(task, input, known);
    if (command === null) {
      return unrecordedRefusal(refuse('already_settled', 'The task consumed no credits: there is nothing to give back.', { consumed: 0 }));
    }
    const stream = tenantStream('account', tenant, task.accountId);
    const outcome = await this.parts.accounts.execute(stream, meta, ledgerDecision(command, this.parts.contextOf, meta));
    switch (outcome.kind) {
      case 'appended': {
        const { position, revision, result } = outcome;
        const facts = await this.parts.ledger.factsOf(tenant, task, position);
        const written = (): Promise<StoredFact[]> =>
          this.parts.store.readStream(stream, { fromRevision: revision - result.length + 1, limit: result.length });
        // The refund is done: an index that is late now only means that a refund of the same moment may be missing in this answer.
        return this.answer(tenant, task, facts ?? [...known, ...(await written())], position);
      }
      case 'refused':
        return unrecordedRefusal(outcome.refusal);
      case 'key_conflict':
        return KEY_CONFLICT;
      default:
        return invariant(false, () => `goodwill for ${task.taskId} ended as ${outcome.kind}`) as never;
    }
  }

  private async answer(
    tenant: string,
    task: TaskState,
    ledgerFacts: readonly StoredFact[],
    position: Position,
  ): Promise<WriteResult<ReceiptView>> {
    const own = await this.parts.store.readStream(tenantStream('task', tenant, task.taskId));
    const facts = [...own, ...ledgerFacts].filter((fact) => fact.position <= position).sort((a, b) => (a.position < b.position ? -1 : 1));
    return { ok: true, view: { ...receiptOf(task.taskId, facts), position }, position, replayed: false };
  }
}

/** Null where the log has nothing that the task consumed. */
export function goodwillCommand(
  task: Pick<TaskState, 'taskId' | 'model'>,
  { credits, reason }: GoodwillInput,
  facts: readonly StoredFact[],
): AccountCommand | null {
  const parts: GrantPart[] = [];
  let reservationId: string | null = null;
  let overConsumed = 0;
  for (const stored of facts) {
    const fact = stored as unknown as AccountFact;
    if (fact.type === 'DebtRecorded' && fact.data.cause === 'over_consumption' && fact.data.taskId === task.taskId)
      overConsumed += fact.data.credits;
    if (fact.type !== 'CreditsConsumed' || fact.data.taskId !== task.taskId) continue;
    parts.push(...fact.data.parts);
    reservationId = fact.data.reservationId;
  }
  if (parts.length === 0 || reservationId === null) return null;
  const consumed = parts.map((part) => ({ grantId: part.grantId, credits: part.credits }));
  return { type: 'RefundGoodwill', taskId: task.taskId, model: task.model, reservationId, credits, reason, consumed, overConsumed };
}
