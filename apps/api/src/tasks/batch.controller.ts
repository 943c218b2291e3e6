// 1 HTTP in · up to 500 submissions in one request: all or none, or each for itself with the problem that the single call would have had.
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SubmitTaskBatch, type BatchEntry, type TaskInput } from '#libs/settlement';
import type { WriteResult } from '#libs/event-store';
import { contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, invalid, problemOf, problemOfRefusal, type Occasion, type Problem } from '../problems/problem.js';
import { CheckedBody } from '../validation/checked.js';
import type { FieldError } from '../validation/dto.check.js';
import { SUBMIT_PROBLEMS } from './tasks.controller.js';
import { checkedTask } from './task.check.js';
import { CreateTaskBatchDto } from './tasks.dto.js';

type ShownEntry = { index: number; task: object } | { index: number; problem: Problem };

@Controller('v1/tasks/batch')
export class BatchController {
  constructor(@Inject(Writes) private readonly writes: Writes) {}

  @Post()
  @Endpoint({
    id: 'submitTaskBatch',
    tag: 'Tasks',
    summary: 'Submit up to 500 tasks; with `atomic` all of one account or none.',
    scope: 'tasks:write',
    body: CreateTaskBatchDto,
    answer: { status: 200, schema: 'TaskBatch' },
    problems: ['not_found', ...SUBMIT_PROBLEMS],
    example: { tasks: [{ accountId: 'acc_1', model: 'kling-ai-5s', prompt: 'a harbour at dawn' }], atomic: true },
  })
  async submit(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CreateTaskBatchDto)) input: CreateTaskBatchDto,
  ): Promise<void> {
    const context = contextOf(request);
    const entries = input.tasks.map(readEntry);
    if (input.atomic === true) refuseAnyInvalid(entries);
    const valid = entries.flatMap((entry, index) => ('task' in entry ? [{ index, task: entry.task }] : []));
    const occasion: Occasion = { instance: '/v1/tasks', requestId: request.exchange.requestId };
    const shown = new Array<ShownEntry>(entries.length);
    entries.forEach((entry, index) => {
      if ('problem' in entry)
        shown[index] = { index, problem: problemOf(entry.problem.code, entry.problem.message, entry.problem.fields, occasion) };
    });
    if (valid.length === 0) return void reply.code(200).send({ results: shown });
    const result = await this.writes.run(
      new SubmitTaskBatch(context, { tasks: valid.map((entry) => entry.task), atomic: input.atomic ?? false }),
    );
    if (!result.ok) return this.writes.send(request, reply, result, 200);
    for (const entry of result.view.results) {
      const index = (valid[entry.index] as { index: number }).index;
      shown[index] = showEntry(entry, index, occasion);
    }
    const answer: WriteResult<{ results: ShownEntry[]; position: string }> = {
      ...result,
      view: { results: shown, position: result.position },
    };
    this.writes.send(request, reply, answer, 200);
  }
}

type ReadEntry = { task: TaskInput } | { problem: ApiProblem };

function readEntry(entry: unknown): ReadEntry {
  try {
    return { task: checkedTask(entry) };
  } catch (error) {
    if (error instanceof ApiProblem) return { problem: error };
    throw error;
  }
}

function refuseAnyInvalid(entries: readonly ReadEntry[]): void {
  const errors = entries.flatMap((entry, index) =>
    'problem' in entry
      ? (entry.problem.fields['errors'] as unknown as FieldError[]).map((error) => ({
          pointer: `/tasks/${index}${error.pointer}`,
          detail: error.detail,
        }))
      : [],
  );
  const accounts = new Set(entries.flatMap((entry) => ('task' in entry ? [entry.task.accountId] : [])));
  if (errors.length === 0 && accounts.size > 1)
    errors.push({ pointer: '/tasks', detail: 'must be of one account when the batch is atomic' });
  if (errors.length > 0) throw invalid(errors);
}

function showEntry(entry: BatchEntry, index: number, occasion: Occasion): ShownEntry {
  return 'task' in entry ? { index, task: entry.task } : { index, problem: problemOfRefusal(entry.problem, occasion) };
}
