// 1 HTTP in · adjustments: listed, and approved or rejected by a second person. That it is a second one is the ledger's to see.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApproveAdjustment, RejectAdjustment, type AdjustmentView } from '#libs/ledger';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { ReasonDto } from '../accounts/accounts.dto.js';
import { CaughtUp } from '../http/caught-up.js';
import { assertMaySee, contextOf, idInPath, visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { NothingDto } from '../tasks/tasks.dto.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf } from '../validation/queries.js';
import { AdjustmentsQueryDto } from './adjustments.dto.js';

@Controller('v1/adjustments')
export class AdjustmentsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(CaughtUp) private readonly caughtUp: CaughtUp,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  @Get()
  @Endpoint({
    id: 'listAdjustments',
    tag: 'Adjustments',
    summary: 'Adjustments, newest first; those that wait with status=pending_approval.',
    scope: 'ledger:write',
    query: AdjustmentsQueryDto,
    answer: { status: 200, schema: 'AdjustmentList' },
    problems: ['not_found'],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(AdjustmentsQueryDto)) query: AdjustmentsQueryDto,
  ): Promise<void> {
    const { accountId, status } = query;
    assertMaySee(request, accountId);
    await this.reads.ready(request, query);
    const page = await this.models.adjustments(visibilityOf(request), {
      ...pageOf(query),
      ...(accountId !== undefined && { accountId }),
      ...(status !== undefined && { status }),
    });
    void reply.send(page);
  }

  @Post(':id/approve')
  @Endpoint({
    id: 'approveAdjustment',
    tag: 'Adjustments',
    summary: 'Apply an adjustment above the limit; by another key than the one that asked for it.',
    scope: 'ledger:write',
    body: NothingDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'Adjustment' },
    problems: ['conflict', 'already_settled'],
  })
  async approve(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(NothingDto, { optional: true })) _input: NothingDto,
  ): Promise<void> {
    const { id, accountId } = await this.located(request);
    await this.writes.answer(request, reply, new ApproveAdjustment(contextOf(request), accountId, id), 200);
  }

  @Post(':id/reject')
  @Endpoint({
    id: 'rejectAdjustment',
    tag: 'Adjustments',
    summary: 'Turn an adjustment down; by another key than the one that asked for it.',
    scope: 'ledger:write',
    body: ReasonDto,
    answer: { status: 200, schema: 'Adjustment' },
    problems: ['already_settled'],
    example: { reason: 'the customer was refunded already' },
  })
  async reject(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ReasonDto)) input: ReasonDto,
  ): Promise<void> {
    const { id, accountId } = await this.located(request);
    await this.writes.answer(request, reply, new RejectAdjustment(contextOf(request), accountId, id, input), 200);
  }

  private async located(request: FastifyRequest): Promise<{ id: string; accountId: string }> {
    const id = idInPath(request, 'id', 'adj');
    const known = await this.caughtUp.find<AdjustmentView>(() => this.models.adjustment(visibilityOf(request), id));
    if (known === null) throw notFound('adjustment');
    return { id, accountId: known.accountId };
  }
}
