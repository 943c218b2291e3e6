// 1 HTTP in · the credits of one account: what it has, what was granted, and every movement of it.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#libs/kernel';
import { GrantCredits, RevokeGrant } from '#libs/ledger';
import { CLOCK, READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { accountInPath, contextOf, idInPath, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { parseInstant } from '../validation/instant.js';
import { ListQueryDto, pageOf, rangeOf } from '../validation/queries.js';
import { BalanceQueryDto, GrantCreditsDto, MovementsQueryDto, RevokeGrantDto } from './accounts.dto.js';
import { PastBalances } from './past-balances.js';

@Controller('v1/accounts/:id')
export class CreditsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(READ_MODELS) private readonly models: ReadModels,
    @Inject(PastBalances) private readonly past: PastBalances,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('balance')
  @Endpoint({
    id: 'getBalance',
    tag: 'Credits',
    summary: 'What an account has, now or as of an instant.',
    scope: 'balances:read',
    query: BalanceQueryDto,
    answer: { status: 200, schema: 'Balance' },
  })
  async balance(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(BalanceQueryDto)) query: BalanceQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    const waiting = this.reads.ready(request, query);
    if (waiting !== undefined) await waiting;
    const now = this.clock.now();
    const asOf = query.asOf === undefined ? now : Math.min(parseInstant(query.asOf) as number, now);
    const balance =
      asOf < now ? await this.past.balance(keyOf(request).tenant, id, asOf) : await this.models.balance(visibilityOf(request), id, now);
    if (balance === null) throw notFound(query.asOf === undefined ? 'account' : 'account at that instant');
    void reply.send(balance);
  }

  @Post('grants')
  @Endpoint({
    id: 'grantCredits',
    tag: 'Credits',
    summary: 'Grant credits into a bucket.',
    scope: 'ledger:write',
    body: GrantCreditsDto,
    answer: { status: 201, schema: 'Grant' },
    example: { bucket: 'purchased', credits: 500, reference: 'invoice-1001', costBasis: { currency: 'USD', amountMinor: 4999 } },
  })
  async grant(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(GrantCreditsDto)) input: GrantCreditsDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new GrantCredits(contextOf(request), accountInPath(request), input), 201);
  }

  @Get('grants')
  @Endpoint({
    id: 'listGrants',
    tag: 'Credits',
    summary: 'Every grant of an account, oldest first, with where its credits went.',
    scope: 'balances:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'GrantList' },
  })
  async grants(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    await this.reads.ready(request, query);
    const page = await this.models.grants(visibilityOf(request), id, pageOf(query));
    if (page === null) throw notFound('account');
    void reply.send(page);
  }

  @Post('grants/:grantId/revoke')
  @Endpoint({
    id: 'revokeGrant',
    tag: 'Credits',
    summary: 'Take back what is left of a grant; what is held follows when it comes back.',
    scope: 'ledger:write',
    description: 'Credits that were spent are forgiven, or with `spent: debt` become debt that later purchases repay first.',
    body: RevokeGrantDto,
    answer: { status: 200, schema: 'Grant' },
    problems: ['conflict'],
    example: { reason: 'granted twice' },
  })
  async revoke(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(RevokeGrantDto)) input: RevokeGrantDto,
  ): Promise<void> {
    const accountId = accountInPath(request);
    await this.writes.answer(
      request,
      reply,
      new RevokeGrant(contextOf(request), accountId, idInPath(request, 'grantId', 'grant'), input),
      200,
    );
  }

  @Get('movements')
  @Endpoint({
    id: 'listMovements',
    tag: 'Credits',
    summary: 'Every signed change of every grant, in log order.',
    scope: 'balances:read',
    query: MovementsQueryDto,
    answer: { status: 200, schema: 'MovementList' },
  })
  async movements(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(MovementsQueryDto)) query: MovementsQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    const range = rangeOf(query);
    await this.reads.ready(request, query);
    const { bucket, type, taskId, order = 'asc' } = query;
    const page = await this.models.movements(visibilityOf(request), id, {
      ...pageOf(query),
      ...range,
      ...(bucket !== undefined && { bucket }),
      ...(type !== undefined && { type }),
      ...(taskId !== undefined && { taskId }),
      order,
    });
    if (page === null) throw notFound('account');
    void reply.send(page);
  }
}
