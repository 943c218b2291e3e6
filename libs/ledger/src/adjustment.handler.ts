// 1 → 2 · answers the adjustment commands of the edge; what they decide is the decider's.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { fromIso, invariant } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { AccountCommand } from './account.commands.js';
import { commandIdFor } from './account.handler.js';
import { AdjustCredits, ApproveAdjustment, RejectAdjustment } from './account.messages.js';
import { adjustmentView } from './account.render.js';
import type { AdjustmentView } from './account.view.js';
import { AccountWrites, type Answerable } from './account.writes.js';

abstract class AdjustmentHandler {
  constructor(@Inject(AccountWrites) private readonly writes: AccountWrites) {}

  protected run(
    context: RequestContext,
    accountId: string,
    adjustmentId: string,
    command: AccountCommand,
  ): Promise<WriteResult<AdjustmentView>> {
    return this.writes.run<AdjustmentView>(context, {
      accountId,
      command: () => command,
      render: (answer) => this.view(context, answer, adjustmentId),
    });
  }

  /** One that was applied at once stands in its fact alone. */
  private async view(context: RequestContext, answer: Answerable, adjustmentId: string): Promise<AdjustmentView> {
    const { state, facts } = answer;
    const known = state.adjustments.get(adjustmentId);
    if (known !== undefined)
      return adjustmentView(state.accountId, known, await this.writes.positionOf(context, state.accountId, known.revision, answer));
    const fact = facts.find((candidate) => candidate.type === 'CreditsAdjusted');
    invariant(fact?.type === 'CreditsAdjusted' && fact.data.adjustmentId === adjustmentId, () => `${adjustmentId} is not in the answer`);
    const { granted, decidedAt } = fact.data;
    // A repayment may follow it in its append.
    const position = await this.writes.positionOf(
      context,
      state.accountId,
      answer.revision - facts.length + 1 + facts.indexOf(fact),
      answer,
    );
    const outcome = { status: 'applied' as const, grantId: granted?.grantId ?? null, createdAt: fromIso(decidedAt) };
    return adjustmentView(state.accountId, { ...fact.data, ...outcome }, position);
  }
}

@CommandHandler(AdjustCredits)
export class AdjustCreditsHandler extends AdjustmentHandler implements ICommandHandler<AdjustCredits> {
  async execute({ context, accountId, input }: AdjustCredits): Promise<WriteResult<AdjustmentView>> {
    const adjustmentId = `adj_${commandIdFor(context)}`;
    return this.run(context, accountId, adjustmentId, { type: 'Adjust', adjustmentId, ...input, requestedBy: context.actor });
  }
}

@CommandHandler(ApproveAdjustment)
export class ApproveAdjustmentHandler extends AdjustmentHandler implements ICommandHandler<ApproveAdjustment> {
  async execute({ context, accountId, adjustmentId }: ApproveAdjustment): Promise<WriteResult<AdjustmentView>> {
    return this.run(context, accountId, adjustmentId, { type: 'ApproveAdjustment', adjustmentId, approvedBy: context.actor });
  }
}

@CommandHandler(RejectAdjustment)
export class RejectAdjustmentHandler extends AdjustmentHandler implements ICommandHandler<RejectAdjustment> {
  async execute({ context, accountId, adjustmentId, input }: RejectAdjustment): Promise<WriteResult<AdjustmentView>> {
    const { reason } = input;
    return this.run(context, accountId, adjustmentId, { type: 'RejectAdjustment', adjustmentId, rejectedBy: context.actor, reason });
  }
}
