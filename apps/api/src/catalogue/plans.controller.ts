// 1 HTTP in · plans: read by everyone, defined by the deployment's administrator.
import { Body, Controller, Get, Inject, Param, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { planView, PutPlan } from '#libs/catalogue';
import { contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageById, pageOf, ReadQueryDto } from '../validation/queries.js';
import { PutPlanDto } from './catalogue.dto.js';
import { CatalogueReads } from './catalogue.reads.js';
import { KnownCatalogueId, NewCatalogueId } from './models.controller.js';

@Controller('v1/plans')
export class PlansController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(CatalogueReads) private readonly reads: CatalogueReads,
  ) {}

  @Get()
  @Endpoint({
    id: 'listPlans',
    tag: 'Catalogue',
    summary: 'All plans, by id.',
    scope: null,
    query: ListQueryDto,
    answer: { status: 200, schema: 'PlanList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    void reply.send(pageById(this.reads.catalogue.plans().map(planView), pageOf(query)));
  }

  @Get(':id')
  @Endpoint({
    id: 'getPlan',
    tag: 'Catalogue',
    summary: 'One plan.',
    scope: null,
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Plan' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new KnownCatalogueId('plan')) id: string,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    if (this.reads.catalogue.plan(id) === null) await this.reads.catalogue.refresh();
    const plan = this.reads.catalogue.plan(id);
    if (plan === null) throw notFound('plan');
    void reply.send(planView(plan));
  }

  @Put(':id')
  @Endpoint({
    id: 'putPlan',
    tag: 'Catalogue',
    summary: 'Define a plan; accounts on it get the new allowance at their next reset.',
    scope: 'catalogue:write',
    deployment: true,
    body: PutPlanDto,
    answer: { status: 200, schema: 'Plan' },
    example: { name: 'Studio', rank: 30, monthlyAllowance: 25_000, upgradeCredit: 'prorated', weight: 5 },
  })
  async put(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new NewCatalogueId()) id: string,
    @Body(new CheckedBody(PutPlanDto)) input: PutPlanDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new PutPlan(contextOf(request), id, input), 200);
  }
}
