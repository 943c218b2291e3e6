// 1 HTTP in · briefs: what clips are wanted for, and the prompt that each is ready with.
import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STUDIO_READS } from '#libs/platform';
import { CreateBrief, ReadyBrief, type StudioReads } from '#libs/studio';
import { contextOf, visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf, ReadQueryDto } from '../validation/queries.js';
import { BriefsQueryDto, CreateBriefDto, ReadyBriefDto } from './briefs.dto.js';
import { studioIdInPath, versionOf } from './studio.words.js';

@Controller('v1/briefs')
export class BriefsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
  ) {}

  @Post()
  @Endpoint({
    id: 'createBrief',
    tag: 'Studio',
    summary: 'Write a brief: what a clip is wanted for, how risky it is, and what a human must look at.',
    description:
      'Answers with the suggested use of its risk and consistency. With `accountId` its tasks must be that account’s; without one it is the whole tenant’s. A key that is bound to accounts must name one of them.',
    scope: 'studio:write',
    body: CreateBriefDto,
    answer: { status: 201, schema: 'Brief' },
    problems: ['already_exists'],
    example: {
      channel: 'instagram_reel',
      format: 'social_broll',
      durationSeconds: 6,
      goal: 'support a post about summer product launch',
      mustInclude: ['bright kitchen', 'morning light', 'refreshing mood'],
      mustAvoid: ['visible logos'],
      riskLevel: 'low',
      consistencyRequirement: 'low',
      attemptBudget: 50,
      gates: ['brand_fit'],
    },
  })
  async create(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CreateBriefDto)) input: CreateBriefDto,
  ): Promise<void> {
    const command = new CreateBrief(contextOf(request), input);
    await this.writes.answer(request, reply, command, 201, (brief) => `/v1/briefs/${brief.id}`);
  }

  @Get()
  @Endpoint({
    id: 'listBriefs',
    tag: 'Studio',
    summary: 'Briefs, newest first.',
    scope: 'studio:read',
    query: BriefsQueryDto,
    answer: { status: 200, schema: 'BriefList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(BriefsQueryDto)) query: BriefsQueryDto,
  ): Promise<void> {
    const { state, campaign, channel } = query;
    await this.reads.ready(request, query);
    const page = await this.studio.briefs(visibilityOf(request), {
      ...pageOf(query),
      ...(state !== undefined && { state }),
      ...(campaign !== undefined && { campaign }),
      ...(channel !== undefined && { channel }),
    });
    void reply.send(page);
  }

  @Get(':id')
  @Endpoint({
    id: 'getBrief',
    tag: 'Studio',
    summary: 'One brief, with how much of its budget of attempts is used.',
    scope: 'studio:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Brief' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'brief');
    await this.reads.ready(request, query);
    const brief = await this.studio.brief(visibilityOf(request), id);
    if (brief === null) throw notFound('brief');
    void reply.send(brief);
  }

  @Post(':id/ready')
  @Endpoint({
    id: 'readyBrief',
    tag: 'Studio',
    summary: 'Name the prompt version that the brief is ready with; it must render without a missing variable.',
    description:
      '`variables` are kept as the defaults of the brief’s tasks. May be said again with another version: tasks that were submitted keep theirs.',
    scope: 'studio:write',
    body: ReadyBriefDto,
    answer: { status: 200, schema: 'Brief' },
    example: {
      promptId: 'pr_003',
      promptVersion: 2,
      variables: { scene: 'a bright kitchen', mood: 'fresh', camera_direction: 'slow push in' },
    },
  })
  async ready(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ReadyBriefDto)) input: ReadyBriefDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'brief');
    const { promptId, variables } = input;
    const wish = { promptId, promptVersion: versionOf(input.promptVersion), ...(variables !== undefined && { variables }) };
    await this.writes.answer(request, reply, new ReadyBrief(contextOf(request), id, wish), 200);
  }
}
