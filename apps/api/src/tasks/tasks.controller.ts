// 1 HTTP in · tasks: submitted, followed, cancelled, refunded. Money and life are decided in settlement and tasks.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { LedgerProofs, RECEIPT_FORMAT } from '#libs/proof';
import { AcceptLateResult, CancelTask, RefundTask, SubmitTask } from '#libs/settlement';
import { assertMaySee, contextOf, idInPath, visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf, rangeOf, ReadQueryDto, ReceiptQueryDto } from '../validation/queries.js';
import { CheckedTask } from './task.check.js';
import { CancelTaskDto, CreateTaskDto, NothingDto, RefundTaskDto, TasksQueryDto } from './tasks.dto.js';

export const SUBMIT_PROBLEMS = [
  'insufficient_credits',
  'plan_required',
  'account_suspended',
  'attempt_budget_exhausted',
  'conflict',
  'quote_expired',
  'price_changed',
  'unknown_model',
  'too_many_tasks',
] as const;

@Controller('v1/tasks')
export class TasksController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(READ_MODELS) private readonly models: ReadModels,
    @Inject(LedgerProofs) private readonly proofs: LedgerProofs,
  ) {}

  @Post()
  @Endpoint({
    id: 'submitTask',
    tag: 'Tasks',
    summary: 'Hold the credits and hand the task over; nothing is generated before the hold is durable.',
    scope: 'tasks:write',
    body: CreateTaskDto,
    answer: { status: 202, schema: 'Task' },
    problems: SUBMIT_PROBLEMS,
    example: { accountId: 'acc_1', model: 'kling-ai-5s', prompt: 'iced tea in morning light' },
  })
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body(new CheckedTask()) input: CreateTaskDto): Promise<void> {
    await this.writes.answer(request, reply, new SubmitTask(contextOf(request), input), 202, locationOf);
  }

  @Get()
  @Endpoint({
    id: 'listTasks',
    tag: 'Tasks',
    summary: 'Tasks, newest first; refused submissions only with status=rejected.',
    scope: 'tasks:read',
    query: TasksQueryDto,
    answer: { status: 200, schema: 'TaskList' },
    problems: ['not_found'],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(TasksQueryDto)) query: TasksQueryDto,
  ): Promise<void> {
    const { accountId, status, userId, model } = query;
    assertMaySee(request, accountId);
    const range = rangeOf(query);
    await this.reads.ready(request, query);
    const page = await this.models.tasks(visibilityOf(request), {
      ...pageOf(query),
      ...range,
      ...(accountId !== undefined && { accountId }),
      ...(status !== undefined && { status }),
      ...(userId !== undefined && { userId }),
      ...(model !== undefined && { model }),
    });
    void reply.send(page);
  }

  @Get(':id')
  @Endpoint({
    id: 'getTask',
    tag: 'Tasks',
    summary: 'One task.',
    scope: 'tasks:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Task' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'task');
    await this.reads.ready(request, query);
    const task = await this.models.task(visibilityOf(request), id);
    if (task === null) throw notFound('task');
    void reply.send(task);
  }

  @Get(':id/receipt')
  @Endpoint({
    id: 'getReceipt',
    tag: 'Tasks',
    summary: 'Where the credits of a task went, line by line, each with the fact that proves it.',
    scope: 'tasks:read',
    description: 'With `?proof=true`: a file that `rollcredits verify-receipt` proves with nothing but the public key.',
    query: ReceiptQueryDto,
    answer: { status: 200, schema: 'ReceiptAnswer' },
  })
  async receipt(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReceiptQueryDto)) query: ReceiptQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'task');
    await this.reads.ready(request, query);
    const receipt = await this.models.receipt(visibilityOf(request), id);
    if (receipt === null) throw notFound('task');
    if (query.proof !== 'true') return void reply.send(receipt);
    const proven = await this.proofs.prove(receipt.lines.map(({ position }) => position));
    void reply.send({ format: RECEIPT_FORMAT, receipt, ...proven });
  }

  @Post(':id/cancel')
  @Endpoint({
    id: 'cancelTask',
    tag: 'Tasks',
    summary: 'Ask for the end of a task; the outcome says what came of it.',
    scope: 'tasks:write',
    body: CancelTaskDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'Cancellation' },
    example: { reason: 'changed my mind' },
  })
  async cancel(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CancelTaskDto, { optional: true })) input: CancelTaskDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new CancelTask(contextOf(request), idInPath(request, 'id', 'task'), input), 200);
  }

  @Post(':id/refunds')
  @Endpoint({
    id: 'refundTask',
    tag: 'Tasks',
    summary: 'Goodwill: give back up to what the task consumed.',
    scope: 'ledger:write',
    body: RefundTaskDto,
    answer: { status: 201, schema: 'Receipt' },
    problems: ['conflict', 'already_settled'],
    example: { credits: 20, reason: 'artefacts in the last second' },
  })
  async refund(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(RefundTaskDto)) input: RefundTaskDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new RefundTask(contextOf(request), idInPath(request, 'id', 'task'), input), 201);
  }

  @Post(':id/late-result/accept')
  @Endpoint({
    id: 'acceptLateResult',
    tag: 'Tasks',
    summary: 'With LATE_RESULT=offer: take a result that came after the refund, at the quoted price.',
    scope: 'tasks:write',
    body: NothingDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'Task' },
    problems: ['conflict', 'insufficient_credits', 'plan_required', 'account_suspended'],
  })
  async acceptLateResult(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(NothingDto, { optional: true })) _input: NothingDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new AcceptLateResult(contextOf(request), idInPath(request, 'id', 'task')), 200);
  }
}

function locationOf(task: { id: string }): string {
  return `/v1/tasks/${task.id}`;
}
