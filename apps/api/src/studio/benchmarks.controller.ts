// 1 HTTP in · benchmarks: what a usable clip costs by today's workflow, and how good is good enough.
import { Body, Controller, Get, Inject, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STUDIO_READS } from '#libs/platform';
import { SetBenchmark, type StudioReads } from '#libs/studio';
import { assertOfTheTenant, contextOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageById, pageOf, ReadQueryDto } from '../validation/queries.js';
import { SetBenchmarkDto } from './reports.dto.js';
import { nameInPath, newNameInPath } from './studio.words.js';

@Controller('v1/benchmarks')
export class BenchmarksController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
  ) {}

  @Get()
  @Endpoint({
    id: 'listBenchmarks',
    tag: 'Studio',
    summary: 'Benchmarks, by name.',
    scope: 'studio:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'BenchmarkList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    assertOfTheTenant(request, 'Benchmarks');
    const page = pageOf(query);
    await this.reads.ready(request, query);
    const benchmarks = await this.studio.benchmarks(keyOf(request).tenant);
    const { data, nextCursor } = pageById(
      benchmarks.map((benchmark) => ({ id: benchmark.name, benchmark })),
      page,
    );
    void reply.send({ data: data.map(({ benchmark }) => benchmark), nextCursor });
  }

  @Get(':name')
  @Endpoint({
    id: 'getBenchmark',
    tag: 'Studio',
    summary: 'One benchmark.',
    scope: 'studio:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Benchmark' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    assertOfTheTenant(request, 'Benchmarks');
    const name = nameInPath(request, 'benchmark');
    await this.reads.ready(request, query);
    const benchmark = await this.studio.benchmark(keyOf(request).tenant, name);
    if (benchmark === null) throw notFound('benchmark');
    void reply.send(benchmark);
  }

  @Put(':name')
  @Endpoint({
    id: 'setBenchmark',
    tag: 'Studio',
    summary: 'Say what a usable clip costs today, and the share of attempts that must become usable.',
    scope: 'studio:write',
    body: SetBenchmarkDto,
    answer: { status: 200, schema: 'Benchmark' },
    example: { costPerUsableClip: { currency: 'USD', amountMinor: 12_000 }, qualityBar: { usableRate: '0.1' } },
  })
  async set(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(SetBenchmarkDto)) input: SetBenchmarkDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new SetBenchmark(contextOf(request), newNameInPath(request), input), 200);
  }
}
