// 1 HTTP in · months: closed for good with their figures, and listed.
import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClosePeriod, PeriodReads } from '#libs/finance';
import { assertOfTheTenant, contextOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { idCursor, ListQueryDto, pageOf, readIdCursor, ReadQueryDto } from '../validation/queries.js';
import { ClosePeriodDto } from './finance.dto.js';

@Controller('v1/periods')
export class PeriodsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(PeriodReads) private readonly periods: PeriodReads,
  ) {}

  @Post(':period/close')
  @HttpCode(201)
  @Endpoint({
    id: 'closePeriod',
    tag: 'Finance',
    summary: 'Close a month: book what is due in it, fix its figures and the log position that they were computed at.',
    description: '201 the first time; 200 with the same figures whenever it is asked again.',
    scope: 'ledger:write',
    body: ClosePeriodDto,
    bodyOptional: true,
    answer: { status: 201, schema: 'Period', also: [200] },
    problems: ['conflict'],
    example: {},
  })
  async close(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ClosePeriodDto, { optional: true })) _body: ClosePeriodDto,
  ): Promise<void> {
    assertOfTheTenant(request, 'Periods');
    const { period } = request.params as { period: string };
    const result = await this.writes.run(new ClosePeriod(contextOf(request), period));
    if (!result.ok) return this.writes.send(request, reply, result, 400);
    this.writes.send(request, reply, { ...result, view: result.view.period }, result.view.created ? 201 : 200);
  }

  @Get()
  @Endpoint({
    id: 'listPeriods',
    tag: 'Finance',
    summary: 'Every month from the first with a posting to the current one, newest first.',
    scope: 'finance:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'PeriodList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    assertOfTheTenant(request, 'Periods');
    const { limit, cursor } = pageOf(query);
    const before = cursor === null ? null : readIdCursor(cursor);
    await this.reads.ready(request, query);
    const { data, more } = await this.periods.list(keyOf(request).tenant, { limit, before });
    const last = data.at(-1);
    void reply.send({ data, nextCursor: more && last !== undefined ? idCursor(last.period) : null });
  }

  @Get(':period')
  @Endpoint({
    id: 'getPeriod',
    tag: 'Finance',
    summary: 'One month.',
    scope: 'finance:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Period' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    assertOfTheTenant(request, 'Periods');
    await this.reads.ready(request, query);
    const period = await this.periods.get(keyOf(request).tenant, (request.params as { period: string }).period);
    if (period === null) throw notFound('period');
    void reply.send(period);
  }
}
