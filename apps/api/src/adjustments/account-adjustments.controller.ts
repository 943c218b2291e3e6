// 1 HTTP in · corrects an account's credits by hand; whether a second person has to agree is the ledger's to decide.
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AdjustCredits } from '#libs/ledger';
import { accountInPath, contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { CheckedBody } from '../validation/checked.js';
import { AdjustCreditsDto } from './adjustments.dto.js';

@Controller('v1/accounts/:id/adjustments')
export class AccountAdjustmentsController {
  constructor(@Inject(Writes) private readonly writes: Writes) {}

  @Post()
  @Endpoint({
    id: 'adjustCredits',
    tag: 'Adjustments',
    summary: 'Give or take credits by hand, with a reason and a ticket.',
    description:
      'Above `ADJUSTMENT_LIMIT` credits the answer is 202 with `status: pending_approval`, and nothing moves until another key approves it.',
    scope: 'ledger:write',
    body: AdjustCreditsDto,
    answer: { status: 201, schema: 'Adjustment', also: [202] },
    problems: ['conflict'],
    example: { bucket: 'promotional', credits: 50, reason: 'outage on Saturday', ticket: 'SUP-1204' },
  })
  async adjust(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(AdjustCreditsDto)) input: AdjustCreditsDto,
  ): Promise<void> {
    const result = await this.writes.run(new AdjustCredits(contextOf(request), accountInPath(request), input));
    this.writes.send(request, reply, result, result.ok && result.view.status === 'pending_approval' ? 202 : 201);
  }
}
