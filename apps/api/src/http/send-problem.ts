// 1 HTTP in · the one place where a problem leaves the process, whoever refused.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemTypeOf } from '../problems/problem.catalogue.js';
import { problemOf, type ApiProblem } from '../problems/problem.js';
import { pathOf } from './exchange.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: ApiProblem): void {
  const type = problemTypeOf(problem.code);
  request.exchange.problemCode = type.code;
  if (type.retryAfter !== undefined) reply.header('Retry-After', String(type.retryAfter));
  reply.headers(problem.headers);
  const body = problemOf(problem.code, problem.message, problem.fields, {
    instance: pathOf(request).slice(0, 500),
    requestId: request.exchange.requestId,
  });
  void reply
    .code(type.status)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}
