// 1 HTTP in · turns whatever a controller or a hook threw into a problem; faults of ours are logged whole and shown without a word.
import { Catch, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { problemOfError } from '../problems/fault.js';
import { ApiProblem } from '../problems/problem.js';
import { newExchange } from './hooks.js';
import { sendProblem } from './send-problem.js';

export class ProblemSender {
  constructor(private readonly logger: Logger) {}

  send(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The router refuses some URLs before any hook has run.
    if ((request.exchange as unknown) === null || (request.exchange as unknown) === undefined) {
      request.exchange = newExchange(undefined);
      reply.header('Request-Id', request.exchange.requestId);
    }
    const { problem, fault } =
      error instanceof NotFoundException
        ? { problem: new ApiProblem('not_found', 'There is no such route.'), fault: false }
        : ofReading(request, problemOfError(error));
    if (fault)
      this.logger.error(
        {
          err: error,
          requestId: request.exchange.requestId,
          correlationId: request.exchange.correlationId,
          causationId: request.exchange.requestId,
        },
        'a request failed',
      );
    if (reply.sent) return;
    sendProblem(request, reply, problem);
  }
}

/** For what controllers throw: Nest catches it before Fastify could. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly sender: ProblemSender) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.sender.send(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** A thing that a key has just made is not told to be nowhere because reads lag behind its writing. */
function ofReading({ exchange }: FastifyRequest, judged: ReturnType<typeof problemOfError>): ReturnType<typeof problemOfError> {
  if (!exchange.isBehind || judged.problem.code !== 'not_found') return judged;
  const detail = 'It is not found, but what this key wrote last cannot be read yet; try again.';
  return { problem: new ApiProblem('not_ready', detail), fault: false };
}
