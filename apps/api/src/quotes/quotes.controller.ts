// 1 HTTP in · the price before the click: what it costs, whether the plan allows it, and which grants would pay.
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CreateQuote } from '#libs/catalogue';
import { contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { CheckedBody } from '../validation/checked.js';
import { CreateQuoteDto } from './quotes.dto.js';

@Controller('v1/quotes')
export class QuotesController {
  constructor(@Inject(Writes) private readonly writes: Writes) {}

  @Post()
  @Endpoint({
    id: 'createQuote',
    tag: 'Quotes',
    summary: 'Price, plan verdict and drawdown preview, good for 15 minutes.',
    scope: 'tasks:write',
    body: CreateQuoteDto,
    answer: { status: 201, schema: 'Quote' },
    problems: ['unknown_model'],
    example: { accountId: 'acc_1', model: 'kling-ai-5s' },
  })
  async create(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CreateQuoteDto)) input: CreateQuoteDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new CreateQuote(contextOf(request), input), 201);
  }
}
