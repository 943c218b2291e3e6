// 1 HTTP in · the log of attempts: records from elsewhere in, as they arrive, and all of it out again in the same words.
import { Readable } from 'node:stream';
import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STUDIO_READS } from '#libs/platform';
import { AttemptImport, attemptLine, type AttemptRecord, type StudioReads } from '#libs/studio';
import { assertOfTheTenant, visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { brokeOff, limitedTo, uploadOf } from '../http/upload.js';
import { notePosition } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { invalid } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { attemptFilterOf, AttemptsQueryDto } from './reports.dto.js';

const LOG_TYPE = 'application/x-ndjson';
const LOG_BYTES_MAX = 1_073_741_824;
const TOO_LARGE = 'The body is larger than this route takes; what came before was taken in, the rest can be sent on.';

@Controller('v1/attempts')
export class AttemptsController {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(AttemptImport) private readonly imports: AttemptImport,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
  ) {}

  @Post('import')
  @HttpCode(200)
  @Endpoint({
    id: 'importAttempts',
    tag: 'Studio',
    summary: 'Take in a log of attempts, one JSON object a line.',
    description:
      'A line is known by its id: sent again with the same content it is a duplicate, with other content it is rejected as `already_exists`; so there is no Idempotency-Key. Every line stands alone: what is accepted stays, also where the body breaks off, and the same log sent again is the way on. Blank lines are skipped, but counted.',
    scope: 'studio:write',
    upload: [LOG_TYPE],
    answer: { status: 200, schema: 'AttemptImport' },
  })
  async import(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    assertOfTheTenant(request, 'Logs of attempts');
    const { body } = uploadOf(request, [LOG_TYPE], `A log of attempts is ${LOG_TYPE} in UTF-8.`);
    const { id: actor, tenant } = keyOf(request);
    const { correlationId, requestId } = request.exchange;
    try {
      const answer = await this.imports.run({
        tenant,
        actor,
        correlationId,
        causationId: requestId,
        body: limitedTo(LOG_BYTES_MAX, body, TOO_LARGE),
      });
      notePosition(request, reply, answer.position);
      void reply.code(200).send(answer);
    } catch (error) {
      throw brokeOff(error) ? invalid([{ pointer: '', detail: 'breaks off before its end; what came whole was taken in' }]) : error;
    }
  }

  @Get('export')
  @Endpoint({
    id: 'exportAttempts',
    tag: 'Studio',
    summary: 'The log of attempts: imported ones as they came, and those that were made here, in the order of their creation.',
    description: 'Streamed, of any size. Takes what a report on the same attempts takes.',
    scope: 'studio:read',
    query: AttemptsQueryDto,
    answer: { status: 200, schema: null, mediaTypes: [LOG_TYPE] },
  })
  async export(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(AttemptsQueryDto)) query: AttemptsQueryDto,
  ): Promise<void> {
    const filter = attemptFilterOf(query);
    await this.reads.ready(request, query);
    const batches = this.studio.attempts(visibilityOf(request), filter)[Symbol.asyncIterator]();
    // What cannot be read at all is refused while an answer can still say so.
    const first = await batches.next();
    reply.headers({ 'Content-Type': LOG_TYPE, 'Content-Disposition': 'attachment; filename="attempts.jsonl"' });
    // One batch is read at a time, when the client has taken the one before.
    void reply.send(Readable.from(linesOf(first, batches)));
  }
}

async function* linesOf(first: IteratorResult<AttemptRecord[]>, batches: AsyncIterator<AttemptRecord[]>): AsyncGenerator<string> {
  try {
    for (let batch = first; batch.done !== true; batch = await batches.next()) {
      if (batch.value.length > 0) yield batch.value.map(attemptLine).join('');
    }
  } finally {
    // A client that leaves ends the reading.
    await batches.return?.();
  }
}
