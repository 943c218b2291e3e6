// query · what support asks: an account as it stood, everything about one user, and why a task was decided as it was.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal } from '#libs/kernel';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { Explanations } from '#libs/settlement';
import { accountInPath, idInPath, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageOf, ReadQueryDto } from '../validation/queries.js';
import { AccountHistories } from './account-histories.js';
import { AccountHistoryQueryDto } from './support.dto.js';

@Controller('v1')
export class SupportController {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(READ_MODELS) private readonly models: ReadModels,
    @Inject(AccountHistories) private readonly histories: AccountHistories,
    @Inject(Explanations) private readonly explanations: Explanations,
  ) {}

  @Get('accounts/:id/history')
  @Endpoint({
    id: 'getAccountHistory',
    tag: 'Support',
    summary: 'An account and its balance as they stood at a position or an instant, and the facts up to there, newest first.',
    description:
      'Without `at`: now. Later than now, or than the end of the log, is 400. Its cost does not grow with the age of the account.',
    scope: 'balances:read',
    orScope: 'support:read',
    query: AccountHistoryQueryDto,
    answer: { status: 200, schema: 'AccountHistory' },
  })
  async account(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(AccountHistoryQueryDto)) query: AccountHistoryQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    await this.reads.ready(request, query);
    const history = await this.histories.history(keyOf(request).tenant, id, query.at, pageOf(query));
    if (history === null) throw notFound(query.at === undefined ? 'account' : 'account at that time');
    void reply.send(history);
  }

  @Get('users/:userId/history')
  @Endpoint({
    id: 'getUserHistory',
    tag: 'Support',
    summary: 'Every task, decision and movement of one user of yours, over all accounts, newest first.',
    scope: 'support:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'UserHistory' },
  })
  async user(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    const { userId } = request.params as { userId: string };
    await this.reads.ready(request, query);
    const page = await this.models.userHistory(visibilityOf(request), userId, pageOf(query));
    if (page === null) throw notFound('user');
    void reply.send(page);
  }

  @Get('tasks/:id/explanation')
  @Endpoint({
    id: 'explainTask',
    tag: 'Support',
    summary: 'Each decision over a task: what was asked, what it saw, by which rule; and whether today’s code decides the same.',
    description: 'Oldest first; the first is the submission, also of a refused one. The rules are listed in docs/support.md.',
    scope: 'support:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Explanation' },
  })
  async explanation(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'task');
    await this.reads.ready(request, query);
    const explanation = await this.explanations.explain(visibilityOf(request), id);
    if (isRefusal(explanation)) throw new ApiProblem(explanation.code, explanation.detail, explanation.fields);
    void reply.send(explanation);
  }
}
