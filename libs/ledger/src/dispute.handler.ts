// 1 → 2 · answers the dispute commands of the edge; what they decide is the decider's.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { invariant } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import { commandIdFor } from './account.handler.js';
import { EndDispute, OpenDispute } from './account.messages.js';
import { disputeView } from './account.render.js';
import type { DisputeView } from './account.view.js';
import { AccountWrites, type Answerable } from './account.writes.js';

@CommandHandler(OpenDispute)
export class OpenDisputeHandler implements ICommandHandler<OpenDispute> {
  constructor(@Inject(AccountWrites) private readonly writes: AccountWrites) {}

  async execute({ context, accountId, input }: OpenDispute): Promise<WriteResult<DisputeView>> {
    const { reference = null, grantId = null, reason } = input;
    const disputeId = `dispute_${commandIdFor(context)}`;
    return this.writes.run<DisputeView>(context, {
      accountId,
      command: () => ({ type: 'OpenDispute', disputeId, reference, grantId, reason }),
      render: (answer) => disputeOf(this.writes, context, answer, disputeId),
    });
  }
}

@CommandHandler(EndDispute)
export class EndDisputeHandler implements ICommandHandler<EndDispute> {
  constructor(@Inject(AccountWrites) private readonly writes: AccountWrites) {}

  async execute({ context, accountId, disputeId, outcome }: EndDispute): Promise<WriteResult<DisputeView>> {
    return this.writes.run<DisputeView>(context, {
      accountId,
      command: () => ({ type: 'EndDispute', disputeId, outcome }),
      render: (answer) => disputeOf(this.writes, context, answer, disputeId),
    });
  }
}

async function disputeOf(writes: AccountWrites, context: RequestContext, answer: Answerable, disputeId: string): Promise<DisputeView> {
  const { state } = answer;
  const dispute = state.disputes.get(disputeId);
  invariant(dispute !== undefined, () => `the answer names ${disputeId}, which the account does not have`);
  const position = await writes.positionOf(context, state.accountId, dispute.revision, answer);
  return disputeView(state, dispute, answer.recordedAt, position);
}
