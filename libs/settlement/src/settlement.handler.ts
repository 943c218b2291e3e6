// 1 → 2 · answers the commands that open and end tasks; what they decide is the services' beside this file.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { WriteResult } from '#libs/event-store';
import type { TaskView } from '#libs/tasks';
import type { BatchView } from './batch.answers.js';
import { Batches } from './batches.js';
import { Cancellations, type CancellationView } from './cancellations.js';
import { Goodwill } from './goodwill.js';
import { LateResults } from './late-results.js';
import type { ReceiptView } from './receipt.view.js';
import { AcceptLateResult, CancelTask, RefundTask, SettleEnding, SettleTask, SubmitTask, SubmitTaskBatch } from './settlement.messages.js';
import { Settlements, type Settled } from './settlements.js';
import { Submissions } from './submissions.js';

@CommandHandler(SubmitTask)
export class SubmitTaskHandler implements ICommandHandler<SubmitTask> {
  constructor(@Inject(Submissions) private readonly submissions: Submissions) {}

  execute({ context, input }: SubmitTask): Promise<WriteResult<TaskView>> {
    return this.submissions.submit(context, input);
  }
}

@CommandHandler(SubmitTaskBatch)
export class SubmitTaskBatchHandler implements ICommandHandler<SubmitTaskBatch> {
  constructor(@Inject(Batches) private readonly batches: Batches) {}

  execute({ context, input }: SubmitTaskBatch): Promise<WriteResult<BatchView>> {
    return this.batches.submit(context, input.tasks, input.atomic);
  }
}

@CommandHandler(SettleTask)
export class SettleTaskHandler implements ICommandHandler<SettleTask> {
  constructor(@Inject(Settlements) private readonly settlements: Settlements) {}

  execute({ tenant, taskId, causationId }: SettleTask): Promise<Settled> {
    return this.settlements.settleFromLog(tenant, taskId, causationId);
  }
}

@CommandHandler(SettleEnding)
export class SettleEndingHandler implements ICommandHandler<SettleEnding> {
  constructor(@Inject(Settlements) private readonly settlements: Settlements) {}

  execute({ tenant, task, cause }: SettleEnding): Promise<Settled> {
    return this.settlements.settle(tenant, task, cause);
  }
}

@CommandHandler(CancelTask)
export class CancelTaskHandler implements ICommandHandler<CancelTask> {
  constructor(@Inject(Cancellations) private readonly cancellations: Cancellations) {}

  execute({ context, taskId, input }: CancelTask): Promise<WriteResult<CancellationView>> {
    return this.cancellations.cancel(context, taskId, input.reason ?? null);
  }
}

@CommandHandler(RefundTask)
export class RefundTaskHandler implements ICommandHandler<RefundTask> {
  constructor(@Inject(Goodwill) private readonly goodwill: Goodwill) {}

  execute({ context, taskId, input }: RefundTask): Promise<WriteResult<ReceiptView>> {
    return this.goodwill.refund(context, taskId, input);
  }
}

@CommandHandler(AcceptLateResult)
export class AcceptLateResultHandler implements ICommandHandler<AcceptLateResult> {
  constructor(@Inject(LateResults) private readonly lateResults: LateResults) {}

  execute({ context, taskId }: AcceptLateResult): Promise<WriteResult<TaskView>> {
    return this.lateResults.accept(context, taskId);
  }
}
