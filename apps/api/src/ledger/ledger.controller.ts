// 1 HTTP in · what an auditor asks of the log itself: its signed heads, its key, and proofs under them.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal, type Refusal } from '#libs/kernel';
import { LedgerProofs } from '#libs/proof';
import { keyOf } from '../http/exchange.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, invalid } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { idCursor, pageOf, readIdCursor } from '../validation/queries.js';
import { ConsistencyQueryDto, HeadListQueryDto, ProofQueryDto } from './ledger.dto.js';

@Controller('v1/ledger')
export class LedgerController {
  constructor(@Inject(LedgerProofs) private readonly proofs: LedgerProofs) {}

  @Get('head')
  @Endpoint({
    id: 'getLedgerHead',
    tag: 'Ledger',
    summary: 'The signed head of the log, over every fact recorded before the request.',
    description: 'With `Accept: text/plain` the signed note alone, as C2SP checkpoints are exchanged.',
    scope: null,
    answer: { status: 200, schema: 'LedgerHead', mediaTypes: ['application/json', 'text/plain'] },
  })
  async head(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const head = await this.proofs.head();
    if (request.headers.accept?.includes('text/plain') === true) return void reply.type('text/plain; charset=utf-8').send(head.checkpoint);
    void reply.send(head);
  }

  @Get('heads')
  @Endpoint({
    id: 'listLedgerHeads',
    tag: 'Ledger',
    summary: 'All heads that were signed, newest first.',
    scope: null,
    query: HeadListQueryDto,
    answer: { status: 200, schema: 'LedgerHeadList' },
  })
  async heads(@Res() reply: FastifyReply, @Query(new CheckedQuery(HeadListQueryDto)) query: HeadListQueryDto): Promise<void> {
    const { limit, cursor } = pageOf(query);
    const below = cursor === null ? null : sizeOf(cursor);
    const heads = await this.proofs.heads(limit + 1, below);
    const data = heads.slice(0, limit);
    void reply.send({ data, nextCursor: heads.length > limit ? idCursor(String(data.at(-1)?.treeSize)) : null });
  }

  @Get('proof')
  @Endpoint({
    id: 'getInclusionProof',
    tag: 'Ledger',
    summary: 'That a fact is in the log: its leaf and the path to the root (RFC 9162, 2.1.3).',
    scope: null,
    query: ProofQueryDto,
    answer: { status: 200, schema: 'InclusionProof' },
    problems: ['not_found'],
  })
  async proof(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ProofQueryDto)) query: ProofQueryDto,
  ): Promise<void> {
    const treeSize = query.treeSize === undefined ? null : Number(query.treeSize);
    void reply.send(orRefuse(await this.proofs.inclusion(keyOf(request).tenant, query.position, treeSize)));
  }

  @Get('consistency')
  @Endpoint({
    id: 'getConsistencyProof',
    tag: 'Ledger',
    summary: 'That the log of an earlier size is a prefix of a later one (RFC 9162, 2.1.4).',
    scope: null,
    query: ConsistencyQueryDto,
    answer: { status: 200, schema: 'ConsistencyProof' },
  })
  async consistency(@Res() reply: FastifyReply, @Query(new CheckedQuery(ConsistencyQueryDto)) query: ConsistencyQueryDto): Promise<void> {
    void reply.send(orRefuse(await this.proofs.consistency(Number(query.from), Number(query.to))));
  }

  @Get('key')
  @Endpoint({
    id: 'getLedgerKey',
    tag: 'Ledger',
    summary: 'The public key that heads are checked with.',
    scope: null,
    open: true,
    answer: { status: 200, schema: 'LedgerKey' },
  })
  key(@Res() reply: FastifyReply): void {
    const { origin, publicKey, vkey, pem } = this.proofs.key;
    void reply.send({ origin, algorithm: 'Ed25519', publicKey: publicKey.toString('base64'), vkey, pem });
  }
}

function orRefuse<View extends object>(answer: View | Refusal): View {
  if (isRefusal(answer)) throw new ApiProblem(answer.code, answer.detail, answer.fields);
  return answer;
}

function sizeOf(cursor: string): number {
  const text = readIdCursor(cursor);
  if (!/^\d{1,15}$/.test(text)) throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]);
  return Number(text);
}
