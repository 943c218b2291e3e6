// 1 HTTP in · disputes: listed, looked at, won and lost. What an ending does to the credits is the ledger's.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EndDispute, type DisputeView } from '#libs/ledger';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { CaughtUp } from '../http/caught-up.js';
import { assertMaySee, contextOf, idInPath, visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { NothingDto } from '../tasks/tasks.dto.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf, ReadQueryDto } from '../validation/queries.js';
import { DisputesQueryDto } from './disputes.dto.js';

@Controller('v1/disputes')
export class DisputesController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(CaughtUp) private readonly caughtUp: CaughtUp,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  @Get()
  @Endpoint({
    id: 'listDisputes',
    tag: 'Disputes',
    summary: 'Disputes, newest first.',
    scope: 'ledger:write',
    query: DisputesQueryDto,
    answer: { status: 200, schema: 'DisputeList' },
    problems: ['not_found'],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(DisputesQueryDto)) query: DisputesQueryDto,
  ): Promise<void> {
    const { accountId, status } = query;
    assertMaySee(request, accountId);
    await this.reads.ready(request, query);
    const page = await this.models.disputes(visibilityOf(request), {
      ...pageOf(query),
      ...(accountId !== undefined && { accountId }),
      ...(status !== undefined && { status }),
    });
    void reply.send(page);
  }

  @Get(':id')
  @Endpoint({
    id: 'getDispute',
    tag: 'Disputes',
    summary: 'One dispute, with what its credits have become.',
    scope: 'ledger:write',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Dispute' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'dispute');
    await this.reads.ready(request, query);
    const dispute = await this.models.dispute(visibilityOf(request), id);
    if (dispute === null) throw notFound('dispute');
    void reply.send(dispute);
  }

  @Post(':id/won')
  @Endpoint({
    id: 'winDispute',
    tag: 'Disputes',
    summary: 'The dispute was decided for us: the frozen credits can be spent again.',
    scope: 'ledger:write',
    body: NothingDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'Dispute' },
    problems: ['already_settled'],
  })
  async win(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(NothingDto, { optional: true })) _input: NothingDto,
  ): Promise<void> {
    await this.end(request, reply, 'won');
  }

  @Post(':id/lost')
  @Endpoint({
    id: 'loseDispute',
    tag: 'Disputes',
    summary: 'The money went back: what is left is revoked, what was spent becomes debt.',
    description: 'A held part is honoured: it is revoked when it comes back, and becomes debt when it is consumed.',
    scope: 'ledger:write',
    body: NothingDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'Dispute' },
    problems: ['already_settled'],
  })
  async lose(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(NothingDto, { optional: true })) _input: NothingDto,
  ): Promise<void> {
    await this.end(request, reply, 'lost');
  }

  private async end(request: FastifyRequest, reply: FastifyReply, outcome: 'won' | 'lost'): Promise<void> {
    const id = idInPath(request, 'id', 'dispute');
    const dispute = await this.caughtUp.find<DisputeView>(() => this.models.dispute(visibilityOf(request), id));
    if (dispute === null) throw notFound('dispute');
    await this.writes.answer(request, reply, new EndDispute(contextOf(request), dispute.accountId, id, outcome), 200);
  }
}
