// 1 HTTP in · provider bills: a file in as it arrives, its answer, and its lines.
import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BILL_BYTES_MAX, BillImport, UnreadableBill, type BillReads } from '#libs/finance';
import { BILL_READS } from '#libs/platform';
import { assertOfTheTenant, idInPath } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { brokeOff, limitedTo, uploadOf } from '../http/upload.js';
import { notePosition } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { invalid, notFound } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { pageOf } from '../validation/queries.js';
import { BillLinesQueryDto } from './finance.dto.js';

const FORMATS = { 'text/csv': 'csv', 'application/x-ndjson': 'ndjson' } as const;
const TYPES = Object.keys(FORMATS) as Array<keyof typeof FORMATS>;

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
    assertOfTheTenant(request, 'Provider bills');
    const { type, body: sent } = uploadOf(request, TYPES, 'A bill is text/csv or application/x-ndjson in UTF-8.');
    const format = FORMATS[type];
    const key = keyOf(request);
    const { correlationId, requestId } = request.exchange;
    try {
      const body = limitedTo(BILL_BYTES_MAX, sent, 'The body is larger than this route takes.');
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
    assertOfTheTenant(request, 'Provider bills');
    const id = idInPath(request, 'id', 'bill');
    await this.reads.ready(request, query);
    const page = await this.lines.billLines(keyOf(request).tenant, id, query.state ?? null, pageOf(query));
    if (page === null) throw notFound('provider bill');
    void reply.send(page);
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof UnreadableBill) return invalid([{ pointer: '', detail: inSentence(error.message) }]);
  return brokeOff(error) ? invalid([{ pointer: '', detail: 'breaks off before its end; nothing was imported' }]) : error;
}

function inSentence(message: string): string {
  return message.replace(/^The body /, '').replace(/\.$/, '');
}
