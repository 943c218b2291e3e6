// 1 HTTP in · accounts: opened, looked at, moved between plans, suspended. Every rule behind it is the ledger's.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChangePlan, OpenAccount, ResetCycle, ResumeAccount, SuspendAccount } from '#libs/ledger';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { accountInPath, contextOf, maySee, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageOf, ReadQueryDto } from '../validation/queries.js';
import { ChangePlanDto, OpenAccountDto, ReasonDto } from './accounts.dto.js';

@Controller('v1/accounts')
export class AccountsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  @Post()
  @Endpoint({
    id: 'openAccount',
    tag: 'Accounts',
    summary: 'Open an account on a plan; it gets the plan’s allowance at once.',
    scope: 'ledger:write',
    body: OpenAccountDto,
    answer: { status: 201, schema: 'Account' },
    problems: ['already_exists', 'not_found'],
    example: { name: 'Moss Media', plan: 'pro', timezone: 'Europe/Berlin' },
  })
  async open(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(OpenAccountDto)) input: OpenAccountDto,
  ): Promise<void> {
    // A key that is bound to accounts can only open one of these: any other would be out of its own sight.
    const key = keyOf(request);
    if (key.accounts !== null && (input.id === undefined || !maySee(key, input.id))) throw notFound('account for this API key');
    await this.writes.answer(request, reply, new OpenAccount(contextOf(request), input), 201, (account) => `/v1/accounts/${account.id}`);
  }

  @Get()
  @Endpoint({
    id: 'listAccounts',
    tag: 'Accounts',
    summary: 'All accounts that the key may see.',
    scope: 'balances:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'AccountList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    void reply.send(await this.models.accounts(visibilityOf(request), pageOf(query)));
  }

  @Get(':id')
  @Endpoint({
    id: 'getAccount',
    tag: 'Accounts',
    summary: 'One account.',
    scope: 'balances:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Account' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = accountInPath(request);
    await this.reads.ready(request, query);
    const account = await this.models.account(visibilityOf(request), id);
    if (account === null) throw notFound('account');
    void reply.send(account);
  }

  @Post(':id/plan')
  @Endpoint({
    id: 'changePlan',
    tag: 'Accounts',
    summary: 'Move an account to a plan: up at once, down at the next reset.',
    scope: 'ledger:write',
    body: ChangePlanDto,
    answer: { status: 200, schema: 'Account' },
    example: { plan: 'max' },
  })
  async changePlan(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ChangePlanDto)) input: ChangePlanDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new ChangePlan(contextOf(request), accountInPath(request), input), 200);
  }

  @Post(':id/cycle-reset')
  @Endpoint({
    id: 'resetCycle',
    tag: 'Accounts',
    summary: 'End the cycle early: unheld subscription credits lapse, the allowance is granted, later boundaries stay where they are.',
    scope: 'ledger:write',
    body: ReasonDto,
    answer: { status: 200, schema: 'Balance' },
    example: { reason: 'billing moved' },
  })
  async resetCycle(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ReasonDto)) input: ReasonDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new ResetCycle(contextOf(request), accountInPath(request), input), 200);
  }

  @Post(':id/suspend')
  @Endpoint({
    id: 'suspendAccount',
    tag: 'Accounts',
    summary: 'A suspended account quotes and reads, but submits nothing.',
    scope: 'ledger:write',
    body: ReasonDto,
    answer: { status: 200, schema: 'Account' },
    problems: ['conflict'],
    example: { reason: 'unpaid invoice' },
  })
  async suspend(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ReasonDto)) input: ReasonDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new SuspendAccount(contextOf(request), accountInPath(request), input), 200);
  }

  @Post(':id/resume')
  @Endpoint({
    id: 'resumeAccount',
    tag: 'Accounts',
    summary: 'End a suspension.',
    scope: 'ledger:write',
    body: ReasonDto,
    answer: { status: 200, schema: 'Account' },
    problems: ['conflict'],
    example: { reason: 'invoice paid' },
  })
  async resume(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ReasonDto)) input: ReasonDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new ResumeAccount(contextOf(request), accountInPath(request), input), 200);
  }
}
