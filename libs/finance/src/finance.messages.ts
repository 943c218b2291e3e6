// 1 → 2 · the commands that the edge sends to finance through the CommandBus.
import { Command } from '@nestjs/cqrs';
import type { RequestContext, WriteResult } from '#libs/event-store';
import type { PeriodView } from './finance.views.js';

/** `created` is false where the period was closed before: then it is shown as it was fixed. */
export class ClosePeriod extends Command<WriteResult<{ period: PeriodView; created: boolean }>> {
  constructor(
    readonly context: RequestContext,
    readonly period: string,
  ) {
    super();
  }
}
