// 1 HTTP in · what the books add up to: statements of accounts, summaries of a range, and what is outstanding now.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#libs/kernel';
import { statementCsv, type FinanceReads } from '#libs/finance';
import { CLOCK, FINANCE_READS } from '#libs/platform';
import { accountInPath, visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { invalid, notFound } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { rangeOf, ReadQueryDto } from '../validation/queries.js';
import { RangeQueryDto, SummaryQueryDto } from './finance.dto.js';

const GROUPS_DEFAULT = 200;

@Controller('v1')
export class FinanceController {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(FINANCE_READS) private readonly finance: FinanceReads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('accounts/:id/statement')
  @Endpoint({
    id: 'getStatement',
    tag: 'Finance',
    summary: 'What an account had, what moved by type and bucket and day, and what it has.',
    description: 'With `Accept: text/csv` one row a day, type and bucket.',
    scope: 'balances:read',
    query: RangeQueryDto,
    answer: { status: 200, schema: 'Statement', mediaTypes: ['application/json', 'text/csv'] },
  })
  async statement(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(RangeQueryDto)) query: RangeQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    const range = rangeOf(query);
    await this.reads.ready(request, query);
    if (request.headers.accept?.includes('text/csv') === true) {
      const lines = await this.finance.statementDays(visibilityOf(request), id, range);
      if (lines === null) throw notFound('account');
      reply.header('Content-Disposition', `attachment; filename="statement-${id}.csv"`);
      return void reply.type('text/csv; charset=utf-8').send(statementCsv(lines));
    }
    const statement = await this.finance.statement(visibilityOf(request), id, range);
    if (statement === null) throw notFound('account');
    void reply.send(statement);
  }

  @Get('finance/summary')
  @Endpoint({
    id: 'getSummary',
    tag: 'Finance',
    summary: 'Credits and money of a range: opening, what moved, closing; by day, month, model, bucket, plan or account.',
    description: 'Every row is held against the balances before it is shown. A group by model has no opening and closing.',
    scope: 'finance:read',
    query: SummaryQueryDto,
    answer: { status: 200, schema: 'Summary' },
  })
  async summary(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(SummaryQueryDto)) query: SummaryQueryDto,
  ): Promise<void> {
    const range = rangeOf(query);
    const { groupBy: by, limit, cursor = null } = query;
    if (by === undefined && cursor !== null) throw invalid([{ pointer: '/cursor', detail: 'is of groups: `groupBy` must be there too' }]);
    const groups = by === undefined ? null : { by, page: { limit: limit === undefined ? GROUPS_DEFAULT : Number(limit), cursor } };
    await this.reads.ready(request, query);
    void reply.send(await this.finance.summary(visibilityOf(request), range, groups));
  }

  @Get('finance/aging')
  @Endpoint({
    id: 'getAging',
    tag: 'Finance',
    summary: 'What is outstanding: credits by time to expiry, deferred revenue, and open holds by age.',
    scope: 'finance:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Aging' },
  })
  async aging(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    void reply.send(await this.finance.aging(visibilityOf(request), this.clock.now()));
  }
}
