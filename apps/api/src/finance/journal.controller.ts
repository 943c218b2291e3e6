// 1 HTTP in · the journal: its postings page by page, and whole as a file that people use.
import { Readable } from 'node:stream';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EXPORT_TYPES, exportAs, type FinanceReads, type PostingFilter } from '#libs/finance';
import { FINANCE_READS } from '#libs/platform';
import { visibilityOf } from '../http/context.js';
import { Reads } from '../http/reads.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { CheckedQuery } from '../validation/checked.js';
import { pageOf, rangeOf } from '../validation/queries.js';
import { ExportQueryDto, JournalQueryDto } from './finance.dto.js';

@Controller('v1/journal')
export class JournalController {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(FINANCE_READS) private readonly finance: FinanceReads,
  ) {}

  @Get()
  @Endpoint({
    id: 'listPostings',
    tag: 'Finance',
    summary: 'The postings of the journal, in log order.',
    scope: 'finance:read',
    query: JournalQueryDto,
    answer: { status: 200, schema: 'PostingList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(JournalQueryDto)) query: JournalQueryDto,
  ): Promise<void> {
    const filter = filterOf(query);
    await this.reads.ready(request, query);
    void reply.send(await this.finance.postings(visibilityOf(request), filter, pageOf(query)));
  }

  @Get('export')
  @Endpoint({
    id: 'exportJournal',
    tag: 'Finance',
    summary: 'The journal as a file, as of one position: JSON lines, CSV, or a journal for hledger.',
    description:
      'Streamed, of any size. The header `Position` says what it holds. With `account`, an export for hledger holds every entry that touches it, whole, because transactions balance.',
    scope: 'finance:read',
    query: ExportQueryDto,
    answer: { status: 200, schema: null, mediaTypes: ['application/x-ndjson', 'text/csv', 'text/plain'] },
  })
  async export(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ExportQueryDto)) query: ExportQueryDto,
  ): Promise<void> {
    const format = query.format ?? 'jsonl';
    const filter = { ...filterOf(query), wholeEntries: format === 'hledger' };
    await this.reads.ready(request, query);
    const journal = await this.finance.exportJournal(visibilityOf(request), filter);
    const { mediaType, extension } = EXPORT_TYPES[format];
    reply.headers({
      'Content-Type': mediaType,
      'Content-Disposition': `attachment; filename="journal-${journal.position}.${extension}"`,
      Position: journal.position,
    });
    // One page is made at a time, when the client has taken the one before.
    void reply.send(Readable.from(exportAs(format, journal)));
  }
}

function filterOf(query: Pick<JournalQueryDto, 'from' | 'to' | 'account' | 'accountId' | 'commodity'>): PostingFilter {
  const { accountId, commodity } = query;
  // A prefix ends at a colon, whether or not that is written.
  const account = query.account?.replace(/:+$/, '');
  return {
    ...rangeOf(query),
    ...(account !== undefined && { account }),
    ...(accountId !== undefined && { accountId }),
    ...(commodity !== undefined && { commodity }),
  };
}
