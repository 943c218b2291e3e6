// 1 HTTP in · opens a dispute over grants of an account; the freezing is the ledger's.
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OpenDispute } from '#libs/ledger';
import { accountInPath, contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { CheckedBody } from '../validation/checked.js';
import { OpenDisputeDto } from './disputes.dto.js';

@Controller('v1/accounts/:id/disputes')
export class AccountDisputesController {
  constructor(@Inject(Writes) private readonly writes: Writes) {}

  @Post()
  @Endpoint({
    id: 'openDispute',
    tag: 'Disputes',
    summary: 'Open a dispute over a purchase: its unspent credits are frozen until it is won or lost.',
    description: 'Exactly one of `reference` and `grantId`. What was reissued from the grants is frozen with them; running tasks go on.',
    scope: 'ledger:write',
    body: OpenDisputeDto,
    answer: { status: 201, schema: 'Dispute' },
    problems: ['conflict', 'already_settled'],
    example: { reference: 'invoice-1001', reason: 'chargeback 4711' },
  })
  async open(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(OpenDisputeDto)) input: OpenDisputeDto,
  ): Promise<void> {
    const command = new OpenDispute(contextOf(request), accountInPath(request), input);
    await this.writes.answer(request, reply, command, 201, (dispute) => `/v1/disputes/${dispute.id}`);
  }
}
