// 1 → 2 · the commands that the edge and the orchestrator send to accounts through the CommandBus.
import { Command } from '@nestjs/cqrs';
import type { InstantMs } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { Bucket } from './account.facts.js';
import type { AccountView, AdjustmentView, BalanceView, DisputeView, GrantView } from './account.view.js';

export class OpenAccount extends Command<WriteResult<AccountView>> {
  constructor(
    readonly context: RequestContext,
    readonly input: { id?: string; name: string; plan: string; timezone?: string; billingAnchor?: string },
  ) {
    super();
  }
}
export class GrantCredits extends Command<WriteResult<GrantView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: {
      bucket: Bucket;
      credits: number;
      expiresAt?: string | null;
      reference?: string | null;
      costBasis?: { currency: string; amountMinor: number } | null;
    },
  ) {
    super();
  }
}
export class ChangePlan extends Command<WriteResult<AccountView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { plan: string },
  ) {
    super();
  }
}
export class ResetCycle extends Command<WriteResult<BalanceView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { reason: string },
  ) {
    super();
  }
}
export class SuspendAccount extends Command<WriteResult<AccountView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { reason: string },
  ) {
    super();
  }
}
export class ResumeAccount extends Command<WriteResult<AccountView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { reason: string },
  ) {
    super();
  }
}
export class RevokeGrant extends Command<WriteResult<GrantView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly grantId: string,
    readonly input: { reason: string; spent?: 'forgive' | 'debt' },
  ) {
    super();
  }
}
export class OpenDispute extends Command<WriteResult<DisputeView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { reference?: string; grantId?: string; reason: string },
  ) {
    super();
  }
}
export class EndDispute extends Command<WriteResult<DisputeView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly disputeId: string,
    readonly outcome: 'won' | 'lost',
  ) {
    super();
  }
}
export class AdjustCredits extends Command<WriteResult<AdjustmentView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly input: { bucket: Bucket; credits: number; reason: string; ticket: string },
  ) {
    super();
  }
}
/** By the key of the context, which is not the one that asked for it. */
export class ApproveAdjustment extends Command<WriteResult<AdjustmentView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly adjustmentId: string,
  ) {
    super();
  }
}
export class RejectAdjustment extends Command<WriteResult<AdjustmentView>> {
  constructor(
    readonly context: RequestContext,
    readonly accountId: string,
    readonly adjustmentId: string,
    readonly input: { reason: string },
  ) {
    super();
  }
}
/** From the orchestrator: books what is due. Answers when the account is next due: its next boundary or earliest lapse. */
export class BookDue extends Command<{ nextDueAt: InstantMs | null; booked: number; position: string | null }> {
  constructor(
    readonly tenant: string,
    readonly accountId: string,
  ) {
    super();
  }
}
