// 1 HTTP in · sends one command and renders its outcome: the view, or the refusal as a problem; the same headers on both.
import { Inject, Injectable } from '@nestjs/common';
import type { Command } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '#libs/kernel';
import type { WriteResult } from '#libs/event-store';
import { CommandRouter } from '#libs/routing';
import { HttpMetrics } from '../metrics/http.metrics.js';
import { ApiProblem } from '../problems/problem.js';
import { sendProblem } from './send-problem.js';
import { keyOf } from './exchange.js';

@Injectable()
export class Writes {
  constructor(
    @Inject(CommandRouter) private readonly commands: CommandRouter,
    @Inject(HttpMetrics) private readonly metrics: HttpMetrics,
  ) {}

  /** Runs the command and answers it. `location` is asked only on success. */
  async answer<View>(
    request: FastifyRequest,
    reply: FastifyReply,
    command: Command<WriteResult<View>>,
    status: number,
    location?: (view: View) => string,
  ): Promise<void> {
    const result = await this.run(command);
    this.send(request, reply, result, status, location);
  }

  async run<Result>(command: Command<Result>): Promise<Result> {
    const startedAt = performance.now();
    try {
      return await this.commands.execute(command);
    } finally {
      this.metrics.command(command.constructor.name, (performance.now() - startedAt) / 1_000);
    }
  }

  send<View>(
    request: FastifyRequest,
    reply: FastifyReply,
    result: WriteResult<View>,
    status: number,
    location?: (view: View) => string,
  ): void {
    if (result.position !== undefined) notePosition(request, reply, result.position);
    if (result.replayed === true) reply.header('Idempotent-Replay', 'true');
    if (!result.ok) return refuseWith(request, reply, result);
    if (location !== undefined) reply.header('Location', location(result.view));
    void reply.code(status).send(result.view);
  }
}

/** The key's next reads through this process wait for what it wrote. */
export function notePosition(request: FastifyRequest, reply: FastifyReply, position: string): void {
  reply.header('Position', position);
  const key = keyOf(request);
  if (key.lastPosition === null || key.lastPosition < position) key.lastPosition = position;
}

function refuseWith(request: FastifyRequest, reply: FastifyReply, refusal: Refusal & { position?: string }): void {
  const position = refusal.position === undefined ? {} : { position: refusal.position };
  sendProblem(request, reply, new ApiProblem(refusal.code, refusal.detail, { ...refusal.fields, ...position }));
}
