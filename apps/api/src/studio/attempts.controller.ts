// 1 HTTP in · the log of attempts: records from elsewhere in, as they arrive, and all of it out again in the same words.
import { Readable } from 'node:stream';
import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STUDIO_READS } from '#libs/platform';
import { AttemptImport, attemptLine, type AttemptRecord, type StudioReads } from '#libs/studio';
import { visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { notePosition } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, invalid } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { attemptFilterOf, AttemptsQueryDto } from './reports.dto.js';
import { assertOfTheTenant } from './studio.words.js';

const LOG_TYPE = 'application/x-ndjson';
const LOG_BYTES_MAX = 1_073_741_824;

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
    const body = bodyOf(request);
    const { id: actor, tenant } = keyOf(request);
    const { correlationId, requestId } = request.exchange;
    try {
      const answer = await this.imports.run({ tenant, actor, correlationId, causationId: requestId, body: limited(body) });
      notePosition(request, reply, answer.position);
      void reply.code(200).send(answer);
    } catch (error) {
      throw refusalOf(error);
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

function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  const declared = request.headers['content-type'] ?? '';
  const type = (declared.split(';')[0] as string).trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(declared)?.[1]?.toLowerCase() ?? 'utf-8';
  const body = request.body;
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  if (type !== LOG_TYPE || !isStream || (charset !== 'utf-8' && charset !== 'utf8'))
    throw new ApiProblem('unsupported_media_type', `A log of attempts is ${LOG_TYPE} in UTF-8.`);
  return body as AsyncIterable<Uint8Array>;
}

async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > LOG_BYTES_MAX)
      throw new ApiProblem(
        'payload_too_large',
        'The body is larger than this route takes; what came before was taken in, the rest can be sent on.',
      );
    yield chunk;
  }
}

/** A connection that broke off is nobody's fault that the log must keep: whoever still listens is told. */
function refusalOf(error: unknown): unknown {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'HPE_INVALID_EOF_STATE')
    return invalid([{ pointer: '', detail: 'breaks off before its end; what came whole was taken in' }]);
  return error;
}
