// 1 HTTP in · the one number that the studio ends in: what a usable clip costs, whole and by slices.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal } from '#libs/kernel';
import { STUDIO_READS } from '#libs/platform';
import { costPerUsableClip, type ReportOptions, type StudioReads } from '#libs/studio';
import { assertOfTheTenant, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { attemptFilterOf, CostPerUsableClipQueryDto } from './reports.dto.js';

@Controller('v1/reports')
export class ReportsController {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
  ) {}

  @Get('cost-per-usable-clip')
  @Endpoint({
    id: 'getCostPerUsableClip',
    tag: 'Studio',
    summary: 'What a usable clip costs: generations, people, and the rest; whole, by group and by week, against a benchmark.',
    description:
      'Usable is approved to publish, scheduled or published. Money is exact and rounded once, at the end. `toolingCostMinor` and `complianceCostMinor` are totals of the answer and stay out of its groups. Without a usable clip there is no cost per clip: null, and the reason.',
    scope: 'studio:read',
    query: CostPerUsableClipQueryDto,
    answer: { status: 200, schema: 'CostPerUsableClip' },
    problems: ['not_found'],
  })
  async report(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(CostPerUsableClipQueryDto)) query: CostPerUsableClipQueryDto,
  ): Promise<void> {
    const filter = attemptFilterOf(query);
    if (query.benchmark !== undefined) assertOfTheTenant(request, 'Benchmarks');
    await this.reads.ready(request, query);
    const who = visibilityOf(request);
    const groupBy = query.groupBy ?? null;
    const [options, cells] = await Promise.all([this.optionsOf(request, query), this.studio.cells(who, filter, groupBy)]);
    const report = costPerUsableClip(cells, options);
    if (isRefusal(report)) throw new ApiProblem(report.code, report.detail, report.fields);
    void reply.send(report);
  }

  private async optionsOf(request: FastifyRequest, query: CostPerUsableClipQueryDto): Promise<ReportOptions> {
    const { benchmark: name, briefId } = query;
    const [benchmark, brief] = await Promise.all([
      name === undefined ? null : this.studio.benchmark(keyOf(request).tenant, name),
      briefId === undefined ? null : this.studio.brief(visibilityOf(request), briefId),
    ]);
    if (name !== undefined && benchmark === null) throw notFound('benchmark');
    return {
      groupBy: query.groupBy ?? null,
      hourlyRateMinor: Number(query.hourlyRateMinor ?? 0),
      toolingCostMinor: Number(query.toolingCostMinor ?? 0),
      complianceCostMinor: Number(query.complianceCostMinor ?? 0),
      costSource: query.costSource ?? 'ledger',
      currency: query.currency ?? null,
      benchmark:
        benchmark === null
          ? null
          : { name: benchmark.name, costPerUsableClip: benchmark.costPerUsableClip, qualityBar: benchmark.qualityBar },
      // A report on one brief speaks of its format and its channel.
      format: query.format ?? brief?.format ?? null,
      channel: query.channel ?? brief?.channel ?? null,
    };
  }
}
