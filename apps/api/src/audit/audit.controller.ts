// query · who read or changed what through the API, newest first.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOf } from '../http/exchange.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { pageOf, rangeOf } from '../validation/queries.js';
import { AuditLog } from './audit-log.js';
import { AuditQueryDto } from './audit.dto.js';

@Controller('v1/audit')
export class AuditController {
  constructor(@Inject(AuditLog) private readonly audit: AuditLog) {}

  @Get()
  @Endpoint({
    id: 'listAudit',
    tag: 'Support',
    summary: 'Every write, and every read that needs `finance:read`, `support:read` or `admin`, refused ones among them; newest first.',
    description:
      'What nobody was known to ask for (401) is left out. An entry is readable within a second and kept for `AUDIT_RETENTION_DAYS`.',
    scope: 'support:read',
    query: AuditQueryDto,
    answer: { status: 200, schema: 'AuditList' },
  })
  async list(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(AuditQueryDto)) query: AuditQueryDto,
  ): Promise<void> {
    const key = keyOf(request);
    if (key.accounts !== null) throw new ApiProblem('forbidden', 'The audit is of the whole tenant; this API key is bound to accounts.');
    const { actor, action } = query;
    const range = rangeOf(query);
    await this.audit.flush();
    const filters = { ...(actor !== undefined && { actor }), ...(action !== undefined && { action }) };
    void reply.send(await this.audit.table.list(key.tenant, { ...pageOf(query), ...range, ...filters }));
  }
}
