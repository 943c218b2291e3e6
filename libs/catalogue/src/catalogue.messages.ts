// 1 → 2 · the commands that the edge sends to the catalogue through the CommandBus.
import { Command } from '@nestjs/cqrs';
import type { JsonObject } from '#libs/kernel';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { Modifiers, OutputType } from './catalogue.facts.js';
import type { ModelView, PlanView, QuoteView } from './catalogue.view.js';

export interface ModelInput {
  name: string;
  family: string;
  outputType: OutputType;
  durationSeconds?: number | null;
  credits: number;
  minimumPlan: string;
  provider?: string;
  modifiers?: Modifiers | null;
}
export interface PlanInput {
  name: string;
  /** Higher may do more; a model asks for a plan of at least its minimum plan's rank. */
  rank: number;
  monthlyAllowance: number;
  upgradeCredit?: 'full' | 'prorated';
  weight?: number;
}

export class PutModel extends Command<WriteResult<ModelView>> {
  constructor(
    readonly context: RequestContext,
    readonly modelId: string,
    readonly input: ModelInput,
  ) {
    super();
  }
}
export class PriceModel extends Command<WriteResult<ModelView>> {
  constructor(
    readonly context: RequestContext,
    readonly modelId: string,
    readonly input: { credits: number; effectiveAt?: string; reason: string },
  ) {
    super();
  }
}
export class RetireModel extends Command<WriteResult<ModelView>> {
  constructor(
    readonly context: RequestContext,
    readonly modelId: string,
  ) {
    super();
  }
}
export class PutPlan extends Command<WriteResult<PlanView>> {
  constructor(
    readonly context: RequestContext,
    readonly planId: string,
    readonly input: PlanInput,
  ) {
    super();
  }
}
export class CreateQuote extends Command<WriteResult<QuoteView>> {
  constructor(
    readonly context: RequestContext,
    readonly input: { accountId: string; model: string; parameters?: JsonObject; quantity?: number },
  ) {
    super();
  }
}
