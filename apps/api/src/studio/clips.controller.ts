// 1 HTTP in · clips: what waits for a human, what was decided on each, and how those that are out are doing.
import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Command } from '@nestjs/cqrs';
import type { WriteResult } from '#libs/event-store';
import { READ_MODELS, STUDIO_READS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { MoveClip, NoteClipPerformance, type ClipView, type StudioReads } from '#libs/studio';
import { contextOf, visibilityOf } from '../http/context.js';
import { OWN_WRITES_TIMEOUT_MS, Reads } from '../http/reads.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { notFound } from '../problems/problem.js';
import { CheckedBody, CheckedQuery } from '../validation/checked.js';
import { pageOf, ReadQueryDto } from '../validation/queries.js';
import { ClipPerformanceDto, ClipsQueryDto, MoveClipDto, ReviewQueueQueryDto } from './clips.dto.js';
import { studioIdInPath } from './studio.words.js';

@Controller('v1')
export class ClipsController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  @Get('clips')
  @Endpoint({
    id: 'listClips',
    tag: 'Studio',
    summary: 'Clips, newest first; attempts that brought none are left out.',
    scope: 'studio:read',
    query: ClipsQueryDto,
    answer: { status: 200, schema: 'ClipList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ClipsQueryDto)) query: ClipsQueryDto,
  ): Promise<void> {
    const { briefId, state, model } = query;
    await this.reads.ready(request, query);
    const page = await this.studio.clips(visibilityOf(request), {
      ...pageOf(query),
      ...(briefId !== undefined && { briefId }),
      ...(state !== undefined && { state }),
      ...(model !== undefined && { model }),
    });
    void reply.send(page);
  }

  @Get('clips/:id')
  @Endpoint({
    id: 'getClip',
    tag: 'Studio',
    summary: 'One clip: its asset, its review so far, what it cost, and the moves that are possible.',
    scope: 'studio:read',
    query: ReadQueryDto,
    answer: { status: 200, schema: 'Clip' },
  })
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReadQueryDto)) query: ReadQueryDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'clip');
    await this.reads.ready(request, query);
    const clip = await this.studio.clip(visibilityOf(request), id);
    if (clip === null) throw notFound('clip');
    void reply.send(clip);
  }

  @Get('review-queue')
  @Endpoint({
    id: 'listReviewQueue',
    tag: 'Studio',
    summary: 'Clips that wait for a human, high risk first, then the longest waiting.',
    scope: 'studio:read',
    query: ReviewQueueQueryDto,
    answer: { status: 200, schema: 'ClipList' },
  })
  async queue(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ReviewQueueQueryDto)) query: ReviewQueueQueryDto,
  ): Promise<void> {
    const { briefId, state } = query;
    await this.reads.ready(request, query);
    const page = await this.studio.reviewQueue(visibilityOf(request), {
      ...pageOf(query),
      ...(briefId !== undefined && { briefId }),
      ...(state !== undefined && { state }),
    });
    void reply.send(page);
  }

  @Post('clips/:id/moves')
  @HttpCode(200)
  @Endpoint({
    id: 'moveClip',
    tag: 'Studio',
    summary: 'Decide on a clip: one move of its review, with its reasons, its minutes and the gates it confirms.',
    description:
      '`revision` is the clip’s as the reviewer saw it. A stale or impossible move is 409 with `possibleMoves`; so is one to `approved_to_publish` that leaves a gate of the brief unconfirmed (`missingGates`). Where the brief is high risk, paid or sensitive, who approved the clip for edit may not approve it to publish: 403. Rejections and `needs_revision` need a reason, `other` a note, a publication its URL.',
    scope: 'studio:write',
    body: MoveClipDto,
    answer: { status: 200, schema: 'Clip' },
    problems: ['conflict'],
    example: { to: 'rejected_accuracy', revision: 2, reasons: ['product_detail_wrong'], reviewMinutes: 3, reviewer: 'Ada' },
  })
  async move(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(MoveClipDto)) input: MoveClipDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'clip');
    await this.answer(request, reply, new MoveClip(contextOf(request), id, input));
  }

  @Post('clips/:id/performance')
  @HttpCode(200)
  @Endpoint({
    id: 'noteClipPerformance',
    tag: 'Studio',
    summary: 'Note how a published clip is doing.',
    scope: 'studio:write',
    body: ClipPerformanceDto,
    answer: { status: 200, schema: 'Clip' },
    problems: ['conflict'],
    example: { note: 'best of the week', views: 18_000, clicks: 410, spendMinor: 12_500 },
  })
  async note(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body(new CheckedBody(ClipPerformanceDto)) input: ClipPerformanceDto,
  ): Promise<void> {
    const id = studioIdInPath(request, 'clip');
    await this.answer(request, reply, new NoteClipPerformance(contextOf(request), id, input));
  }

  /** What a clip cost and where its asset is kept is known to the read model alone. */
  private async answer(request: FastifyRequest, reply: FastifyReply, command: Command<WriteResult<ClipView>>): Promise<void> {
    const result = await this.writes.run(command);
    if (!result.ok) return this.writes.send(request, reply, result, 200);
    await this.models.waitFor(result.position, OWN_WRITES_TIMEOUT_MS);
    const figures = await this.studio.figures(visibilityOf(request), result.view.id);
    this.writes.send(request, reply, { ...result, view: { ...result.view, ...figures } }, 200);
  }
}
