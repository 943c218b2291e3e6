// 1 → 2 → 3 · defines plans; the same definition again changes nothing.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { WriteResult } from '#libs/event-store';
import { PutPlan } from './catalogue.messages.js';
import type { PlanView } from './catalogue.view.js';
import { CatalogueWriter } from './catalogue.writer.js';
import { keylessMeta } from './model.handler.js';

@CommandHandler(PutPlan)
export class PutPlanHandler implements ICommandHandler<PutPlan> {
  constructor(@Inject(CatalogueWriter) private readonly writer: CatalogueWriter) {}

  execute({ context, planId, input }: PutPlan): Promise<WriteResult<PlanView>> {
    return this.writer.changePlan(planId, input, keylessMeta(context));
  }
}
