// 1 HTTP in · what operators ask: does it live, is it ready, what do its figures say. No key is needed.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { METRICS, partsAsked, READINESS, type Readiness } from '#libs/platform';
import { OPENAPI_TEXT } from '../openapi/openapi.token.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { Drain } from '../http/drain.js';
import { CheckedQuery } from '../validation/checked.js';
import { ReadinessQueryDto } from '../validation/queries.js';

@Controller()
export class OperationsController {
  constructor(
    @Inject(READINESS) private readonly readiness: Readiness,
    @Inject(METRICS) private readonly metrics: Registry,
    @Inject(Drain) private readonly drain: Drain,
    @Inject(OPENAPI_TEXT) private readonly openapi: string,
  ) {}

  @Get('healthz')
  @Endpoint({
    id: 'getHealth',
    tag: 'Operations',
    summary: 'The process lives.',
    scope: null,
    open: true,
    answer: { status: 200, schema: 'Health' },
  })
  health(@Req() _request: FastifyRequest, @Res() reply: FastifyReply): void {
    void reply.send({ status: 'ok' });
  }

  @Get('readyz')
  @Endpoint({
    id: 'getReadiness',
    tag: 'Operations',
    summary: 'Whether the process can serve, part by part.',
    description:
      'The same shape with status 503 when a part is down. `?parts=eventStore,postgres` judges these alone: what decides whether this process gets requests.',
    query: ReadinessQueryDto,
    scope: null,
    open: true,
    answer: { status: 200, schema: 'Readiness' },
  })
  async ready(
    @Req() _request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadinessQueryDto)) query: ReadinessQueryDto,
  ): Promise<void> {
    const report = await this.readiness.report(partsAsked(query.parts));
    const down = report.status === 'down' || this.drain.isDraining;
    if (down) reply.header('Retry-After', '1');
    void reply.code(down ? 503 : 200).send({ ...report, ...(this.drain.isDraining && { status: 'down', draining: true }) });
  }

  @Get('metrics')
  @Endpoint({
    id: 'getMetrics',
    tag: 'Operations',
    summary: 'Figures for Prometheus.',
    scope: null,
    open: true,
    answer: { status: 200, schema: 'Metrics', mediaTypes: ['text/plain'] },
  })
  async figures(@Req() _request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void reply.type(this.metrics.contentType).send(await this.metrics.metrics());
  }

  @Get('openapi.json')
  @Endpoint({
    id: 'getOpenApi',
    tag: 'Operations',
    summary: 'This document.',
    scope: null,
    open: true,
    answer: { status: 200, schema: 'OpenApi' },
  })
  document(@Req() _request: FastifyRequest, @Res() reply: FastifyReply): void {
    void reply.type('application/json; charset=utf-8').send(this.openapi);
  }
}
