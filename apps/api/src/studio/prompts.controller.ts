// 1 HTTP in · prompts: numbered versions that never change, labels that move between them, and what each renders to.
import { Body, Controller, Get, HttpCode, Inject, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal } from '#libs/kernel';
import { STUDIO_READS } from '#libs/platform';
import { AddPromptVersion, CreatePrompt, MovePromptLabel, PromptRendering, type PromptView, type StudioReads } from '#libs/studio';
import { contextOf, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { ListQueryDto, pageById, pageOf, ReadQueryDto } from '../validation/queries.js';
import { AddPromptVersionDto, CreatePromptDto, MovePromptLabelDto, RenderPromptDto } from './prompts.dto.js';
import { newLabelInPath, studioIdInPath, versionInPath, versionOf } from './studio.words.js';

@Controller('v1/prompts')
export class PromptsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
    @Inject(PromptRendering) private readonly rendering: PromptRendering,
  ) {}

  @Post()
  @Endpoint({
    id: 'createPrompt',
    tag: 'Studio',
    summary: 'Keep a prompt template; this is its version 1.',
    description:
      '`{{variables}}` are a brief’s fields in snake_case, such as `{{must_include}}`, and whatever else the prompt is to be told.',
    scope: 'studio:write',
    body: CreatePromptDto,
    answer: { status: 201, schema: 'Prompt' },
    problems: ['already_exists'],
    example: { name: 'Social B-roll', template: 'Create a {{duration_seconds}} second clip for {{channel}}. Scene: {{scene}}.' },
  })
  async create(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(CreatePromptDto)) input: CreatePromptDto,
  ): Promise<void> {
    const command = new CreatePrompt(contextOf(request), input);
    await this.writes.answer(request, reply, command, 201, (prompt) => `/v1/prompts/${prompt.id}`);
  }

  @Get()
  @Endpoint({
    id: 'listPrompts',
    tag: 'Studio',
    summary: 'Prompts with their versions and labels, newest first.',
    scope: 'studio:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'PromptList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    await this.reads.ready(request, query);
    void reply.send(await this.studio.prompts(visibilityOf(request), pageOf(query)));
  }

  @Get(':id')
  @Endpoint({
    id: 'getPrompt',
    tag: 'Studio',
    summary: 'One prompt with its versions and labels.',
    scope: 'studio:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Prompt' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    void reply.send(await this.promptOf(request, query));
  }

  @Post(':id/versions')
  @Endpoint({
    id: 'addPromptVersion',
    tag: 'Studio',
    summary: 'Add the next version of a prompt; those before it stay as they are.',
    scope: 'studio:write',
    body: AddPromptVersionDto,
    answer: { status: 201, schema: 'PromptVersion' },
    example: { template: 'Create a {{duration_seconds}} second {{format}} clip for {{channel}}. Scene: {{scene}}.' },
  })
  async addVersion(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(AddPromptVersionDto)) input: AddPromptVersionDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'prompt');
    const command = new AddPromptVersion(contextOf(request), id, input);
    await this.writes.answer(request, reply, command, 201, (made) => `/v1/prompts/${id}/versions/${made.version}`);
  }

  @Get(':id/versions')
  @Endpoint({
    id: 'listPromptVersions',
    tag: 'Studio',
    summary: 'The versions of a prompt, oldest first.',
    scope: 'studio:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'PromptVersionList' },
  })
  async versions(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    const { versions, position } = await this.promptOf(request, query);
    // Ids for the cursor only: by number, fixed width.
    const numbered = versions.map((version) => ({ id: String(version.version).padStart(9, '0'), version }));
    const { data, nextCursor } = pageById(numbered, pageOf(query));
    void reply.send({ data: data.map(({ version }) => ({ ...version, position })), nextCursor });
  }

  @Get(':id/versions/:version')
  @Endpoint({
    id: 'getPromptVersion',
    tag: 'Studio',
    summary: 'One version of a prompt: by `2`, `v2` or a label.',
    scope: 'studio:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'PromptVersion' },
  })
  async version(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const wanted = versionInPath(request);
    const { versions, labels, position } = await this.promptOf(request, query);
    const number = typeof wanted === 'number' ? wanted : Object.hasOwn(labels, wanted) ? labels[wanted] : undefined;
    const version = versions.find((candidate) => candidate.version === number);
    if (version === undefined) throw notFound('prompt version');
    void reply.send({ ...version, position });
  }

  @Put(':id/labels/:label')
  @Endpoint({
    id: 'movePromptLabel',
    tag: 'Studio',
    summary: 'Put a label, such as `production`, on a version of a prompt.',
    scope: 'studio:write',
    body: MovePromptLabelDto,
    answer: { status: 200, schema: 'Prompt' },
    example: { version: 2 },
  })
  async label(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(MovePromptLabelDto)) input: MovePromptLabelDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'prompt');
    const label = newLabelInPath(request);
    const version = versionOf(input.version) as number;
    await this.writes.answer(request, reply, new MovePromptLabel(contextOf(request), id, label, { version }), 200);
  }

  @Post(':id/versions/:version/render')
  @HttpCode(200)
  @Endpoint({
    id: 'renderPrompt',
    tag: 'Studio',
    summary: 'What a version says for a brief: nothing is kept and nothing is spent.',
    description:
      'The brief supplies its fields in snake_case, `variables` the rest. A missing or unknown one is refused by name. A key that is bound to accounts must name a brief of one of them.',
    scope: 'studio:read',
    body: RenderPromptDto,
    bodyOptional: true,
    answer: { status: 200, schema: 'RenderedPrompt' },
    example: { briefId: 'bf_2025_001', variables: { scene: 'a bright kitchen' } },
  })
  async render(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(RenderPromptDto, { optional: true })) input: RenderPromptDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'prompt');
    const version = versionInPath(request);
    const { tenant, accounts } = keyOf(request);
    const rendered = await this.rendering.render(tenant, accounts, id, version, input);
    if (isRefusal(rendered)) throw new ApiProblem(rendered.code, rendered.detail, rendered.fields);
    void reply.send(rendered);
  }

  private async promptOf(request: FastifyRequest, query: ReadQueryDto): Promise<PromptView> {
    const id = studioIdInPath(request, 'prompt');
    await this.reads.ready(request, query);
    const prompt = await this.studio.prompt(visibilityOf(request), id);
    if (prompt === null) throw notFound('prompt');
    return prompt;
  }
}
