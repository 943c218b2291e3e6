// 1 HTTP in · provider bills: a file in as it arrives, its answer, and its lines.
import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BILL_BYTES_MAX, BillImport, UnreadableBill, type BillReads } from '#libs/finance';
import { BILL_READS } from '#libs/platform';
import { idInPath } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { notePosition } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, invalid, notFound } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { pageOf } from '../validation/queries.js';
import { BillLinesQueryDto } from './finance.dto.js';

const FORMATS = { 'text/csv': 'csv', 'application/x-ndjson': 'ndjson' } as const;

@Controller('v1/provider-bills')
export class ProviderBillsController {
  constructor(
    @Inject(BillImport) private readonly bills: BillImport,
    @Inject(BILL_READS) private readonly lines: BillReads,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  @Post()
  @HttpCode(201)
  @Endpoint({
    id: 'importProviderBill',
    tag: 'Finance',
    summary: 'Import a bill of providers: every line is matched with its job and the difference is booked.',
    description:
      'CSV (RFC 4180, with a header) or NDJSON of provider, provider_job_id, billed_at, amount, currency, units. A line is known by provider, provider_job_id and billed_at: sent again it books nothing, so there is no Idempotency-Key. A body that breaks off, has a wrong header or is not UTF-8 is refused whole.',
    scope: 'ledger:write',
    upload: ['text/csv', 'application/x-ndjson'],
    answer: { status: 201, schema: 'ProviderBill' },
  })
  async import(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    ofTheTenant(request);
    const format = formatOf(request);
    const key = keyOf(request);
    const { correlationId, requestId } = request.exchange;
    try {
      const body = limited(request.body as AsyncIterable<Uint8Array>);
      const bill = await this.bills.run({ tenant: key.tenant, actor: key.id, correlationId, causationId: requestId, format, body });
      notePosition(request, reply, bill.position);
      reply.header('Location', `/v1/provider-bills/${bill.id}/lines`);
      void reply.code(201).send(bill);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  @Get(':id/lines')
  @Endpoint({
    id: 'listProviderBillLines',
    tag: 'Finance',
    summary: 'The lines of a bill that were taken, in its order, and behind them what it does not speak of.',
    scope: 'finance:read',
    query: BillLinesQueryDto,
    answer: { status: 200, schema: 'ProviderBillLineList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(BillLinesQueryDto)) query: BillLinesQueryDto,
  ): Promise<void> {
    ofTheTenant(request);
    const id = idInPath(request, 'id', 'bill');
    await this.reads.ready(request, query);
    const page = await this.lines.billLines(keyOf(request).tenant, id, query.state ?? null, pageOf(query));
    if (page === null) throw notFound('provider bill');
    void reply.send(page);
  }
}

function formatOf(request: FastifyRequest): 'csv' | 'ndjson' {
  const declared = request.headers['content-type'] ?? '';
  const type = (declared.split(';')[0] as string).trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(declared)?.[1]?.toLowerCase() ?? 'utf-8';
  const isStream = typeof request.body === 'object' && request.body !== null && Symbol.asyncIterator in request.body;
  if (!Object.hasOwn(FORMATS, type) || !isStream || (charset !== 'utf-8' && charset !== 'utf8'))
    throw new ApiProblem('unsupported_media_type', 'A bill is text/csv or application/x-ndjson in UTF-8.');
  return FORMATS[type as keyof typeof FORMATS];
}

async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > BILL_BYTES_MAX) throw new ApiProblem('payload_too_large', 'The body is larger than this route takes.');
    yield chunk;
  }
}

/** A connection that broke off is nobody's fault that the log must keep: whoever still listens is told. */
function refusalOf(error: unknown): unknown {
  if (error instanceof UnreadableBill) return invalid([{ pointer: '', detail: inSentence(error.message) }]);
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'HPE_INVALID_EOF_STATE')
    return invalid([{ pointer: '', detail: 'breaks off before its end; nothing was imported' }]);
  return error;
}

function inSentence(message: string): string {
  return message.replace(/^The body /, '').replace(/\.$/, '');
}

/** A bill is of the whole tenant: a key that is bound to some accounts may neither book nor see it. */
function ofTheTenant(request: FastifyRequest): void {
  if (keyOf(request).accounts !== null)
    throw new ApiProblem('forbidden', 'Provider bills are of the whole tenant; this API key is bound to accounts.');
}
