// 1 HTTP in · models and their prices: read by everyone, changed by the deployment's administrator.
import { Body, Controller, Delete, Get, Inject, Param, Put, Query, Req, Res, type PipeTransform } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { modelView, PriceModel, priceView, PutModel, RetireModel, type CatalogueModel } from '#libs/catalogue';
import type { Clock } from '#libs/kernel';
import { CLOCK } from '#libs/platform';
import { contextOf } from '../http/context.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { invalid, notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageById, pageOf, ReadQueryDto } from '../validation/queries.js';
import { CATALOGUE_ID_PATTERN } from '../validation/words.js';
import { PriceModelDto, PutModelDto } from './catalogue.dto.js';
import { CatalogueReads } from './catalogue.reads.js';

/** A PUT makes what it names, so the name itself is judged: 400. */
export class NewCatalogueId implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!CATALOGUE_ID_PATTERN.test(id))
      throw invalid([
        { pointer: '/id', detail: 'must be 1 to 64 small letters, digits, dots, dashes or underscores, beginning with a letter or digit' },
      ]);
    return id;
  }
}

/** Where the object must exist, a name that none can have is just not found. */
export class KnownCatalogueId implements PipeTransform<string, string> {
  constructor(private readonly what: string) {}

  transform(id: string): string {
    if (!CATALOGUE_ID_PATTERN.test(id)) throw notFound(this.what);
    return id;
  }
}

@Controller('v1/models')
export class ModelsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(CatalogueReads) private readonly reads: CatalogueReads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Endpoint({
    id: 'listModels',
    tag: 'Catalogue',
    summary: 'What can be generated with, at the prices in effect now; retired models are left out.',
    scope: null,
    query: ListQueryDto,
    answer: { status: 200, schema: 'ModelList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    const now = this.clock.now();
    const models = this.reads.catalogue.models().filter((model) => model.retiredAt === null);
    void reply.send(
      pageById(
        models.map((model) => modelView(model, now)),
        pageOf(query),
      ),
    );
  }

  @Get(':id')
  @Endpoint({
    id: 'getModel',
    tag: 'Catalogue',
    summary: 'One model, also a retired one.',
    scope: null,
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Model' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new KnownCatalogueId('model')) id: string,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    void reply.send(modelView(await this.#model(id), this.clock.now()));
  }

  @Get(':id/prices')
  @Endpoint({
    id: 'listPrices',
    tag: 'Catalogue',
    summary: 'Every price that a model ever had or is to have, oldest first.',
    scope: null,
    query: ListQueryDto,
    answer: { status: 200, schema: 'PriceList' },
  })
  async prices(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new KnownCatalogueId('model')) id: string,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    const { prices } = await this.#model(id);
    // Ids for the cursor only: the order of record, fixed width.
    const numbered = prices.map((price, index) => ({ id: String(index).padStart(9, '0'), price }));
    const page = pageById(numbered, pageOf(query));
    void reply.send({ data: page.data.map((row) => priceView(row.price)), nextCursor: page.nextCursor });
  }

  @Put(':id')
  @Endpoint({
    id: 'putModel',
    tag: 'Catalogue',
    summary: 'List a model, or change what is listed; another price or modifier is a new price version.',
    scope: 'catalogue:write',
    deployment: true,
    body: PutModelDto,
    answer: { status: 200, schema: 'Model' },
    problems: ['fleet_not_configured'],
    example: {
      name: 'Veo 3 - 8s',
      family: 'veo',
      outputType: 'video',
      durationSeconds: 8,
      credits: 320,
      minimumPlan: 'pro',
      modifiers: { resolution: { '1080p': '1.5' } },
    },
  })
  async put(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new NewCatalogueId()) id: string,
    @Body(new CheckedBody(PutModelDto)) input: PutModelDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new PutModel(contextOf(request), id, input), 200);
  }

  @Put(':id/price')
  @Endpoint({
    id: 'priceModel',
    tag: 'Catalogue',
    summary: 'A new price version, now or from an instant on; past versions stay readable.',
    scope: 'catalogue:write',
    deployment: true,
    body: PriceModelDto,
    answer: { status: 200, schema: 'Model' },
    problems: ['conflict'],
    example: { credits: 80, reason: 'vendor raised its price' },
  })
  async price(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new KnownCatalogueId('model')) id: string,
    @Body(new CheckedBody(PriceModelDto)) input: PriceModelDto,
  ): Promise<void> {
    await this.writes.answer(request, reply, new PriceModel(contextOf(request), id, input), 200);
  }

  @Delete(':id')
  @Endpoint({
    id: 'retireModel',
    tag: 'Catalogue',
    summary: 'Retire a model: no new quotes; what was quoted or generated stays.',
    scope: 'catalogue:write',
    deployment: true,
    answer: { status: 200, schema: 'Model' },
  })
  async retire(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id', new KnownCatalogueId('model')) id: string,
  ): Promise<void> {
    await this.writes.answer(request, reply, new RetireModel(contextOf(request), id), 200);
  }

  /** Another process may have listed it a moment ago. */
  async #model(id: string): Promise<CatalogueModel> {
    const known = this.reads.catalogue.model(id);
    if (known !== null) return known;
    await this.reads.catalogue.refresh();
    const model = this.reads.catalogue.model(id);
    if (model === null) throw notFound('model');
    return model;
  }
}
