// 1 → 2 → 3 · lists, prices and retires models. A PUT and a DELETE say the same however often they come, so none of them takes a key.
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { fromIso } from '#libs/kernel';
import { commandMeta, hashRequest, type CommandMeta, type RequestContext, type WriteResult } from '#libs/event-store';
import { PriceModel, PutModel, RetireModel } from './catalogue.messages.js';
import type { ModelView } from './catalogue.view.js';
import { CatalogueWriter } from './catalogue.writer.js';
import { refuseFields } from './field-errors.js';

/** RFC 3339, with its zone: a local time would mean another instant on another machine. */
const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

@CommandHandler(PutModel)
export class PutModelHandler implements ICommandHandler<PutModel> {
  constructor(@Inject(CatalogueWriter) private readonly writer: CatalogueWriter) {}

  execute({ context, modelId, input }: PutModel): Promise<WriteResult<ModelView>> {
    return this.writer.changeModel({ type: 'PutModel', modelId, input }, keylessMeta(context));
  }
}

@CommandHandler(PriceModel)
export class PriceModelHandler implements ICommandHandler<PriceModel> {
  constructor(@Inject(CatalogueWriter) private readonly writer: CatalogueWriter) {}

  async execute({ context, modelId, input }: PriceModel): Promise<WriteResult<ModelView>> {
    const { credits, reason, effectiveAt: text } = input;
    const effectiveAt = text === undefined ? null : INSTANT.test(text) ? fromIso(text) : Number.NaN;
    if (Number.isNaN(effectiveAt)) {
      return { ...refuseFields([{ pointer: '/effectiveAt', detail: 'must be an RFC 3339 instant with its zone' }]), ok: false };
    }
    return this.writer.changeModel({ type: 'PriceModel', modelId, credits, effectiveAt, reason }, keylessMeta(context));
  }
}

@CommandHandler(RetireModel)
export class RetireModelHandler implements ICommandHandler<RetireModel> {
  constructor(@Inject(CatalogueWriter) private readonly writer: CatalogueWriter) {}

  execute({ context, modelId }: RetireModel): Promise<WriteResult<ModelView>> {
    return this.writer.changeModel({ type: 'RetireModel', modelId }, keylessMeta(context));
  }
}

export function keylessMeta(context: RequestContext): CommandMeta {
  return commandMeta({ ...context, idempotencyKey: null }, hashRequest(context, {}));
}
