// 1 HTTP in · hands out stored assets to whoever knows their unguessable names: browsers play them from here, so there is no key to send.
import { Readable } from 'node:stream';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { parseAssetName, STORED_MEDIA_TYPES, type AssetFacts, type AssetStorage, type ByteRange } from '#libs/assets';
import { ASSET_STORAGE, LOGGER } from '#libs/platform';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem, notFound } from '../problems/problem.js';
import { namesTag, rangeOf } from './byte-range.js';

/** A name's content never changes. It was made by others, so that nothing in it may run or load anything; any page may show it. */
const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'public, max-age=31536000, immutable',
  'Content-Security-Policy': "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Access-Control-Allow-Origin': '*',
  'Accept-Ranges': 'bytes',
};

@Controller('v1/assets')
export class AssetsController {
  constructor(
    @Inject(ASSET_STORAGE) private readonly storage: AssetStorage,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get(':name')
  @Endpoint({
    id: 'getAsset',
    tag: 'Assets',
    summary: 'A stored asset, whole or in part.',
    description:
      'The address of an asset, as a task and a clip show it, is what opens it: whoever has it may see the asset. Takes `Range` (one range), `If-Range`, `If-None-Match` (304) and HEAD. Its content never changes.',
    scope: null,
    open: true,
    answer: { status: 200, schema: null, mediaTypes: STORED_MEDIA_TYPES, also: [206] },
    problems: ['range_not_satisfiable', 'not_ready'],
  })
  async asset(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    const parts = parseAssetName(name);
    const facts = parts === null ? null : await this.#answered(this.storage.find(name));
    if (parts === null || facts === null) throw notFound('asset');
    const tag = `"${parts.id}"`;
    if (namesTag(request.headers['if-none-match'], tag))
      return void reply
        .headers({ ...HEADERS, ETag: tag })
        .code(304)
        .send();
    const ifRange = request.headers['if-range'];
    const asked = ifRange === undefined || ifRange === tag ? request.headers.range : undefined;
    // Only GET has ranges.
    const range = request.method === 'GET' ? rangeOf(asked, facts.bytes) : null;
    if (range === 'unsatisfiable')
      throw new ApiProblem(
        'range_not_satisfiable',
        `The asset has ${facts.bytes} bytes.`,
        {},
        { 'Content-Range': `bytes */${facts.bytes}` },
      );
    const content = request.method === 'HEAD' ? Readable.from([]) : await this.#answered(this.storage.open(name, range ?? undefined));
    if (content === null) throw notFound('asset');
    void reply
      .code(range === null ? 200 : 206)
      .headers({ ...HEADERS, ETag: tag, 'Content-Disposition': `inline; filename="${name}"`, ...lengthOf(facts, range) })
      .type(typeOf(facts))
      .send(content);
  }

  async #answered<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      this.logger.warn({ err: error }, 'the storage of assets does not answer');
      throw new ApiProblem('not_ready', 'The storage of assets does not answer.');
    }
  }
}

function lengthOf({ bytes }: AssetFacts, range: ByteRange | null): Record<string, string> {
  if (range === null) return { 'Content-Length': String(bytes) };
  const { first, last } = range;
  return { 'Content-Length': String(last - first + 1), 'Content-Range': `bytes ${first}-${last}/${bytes}` };
}

function typeOf({ mediaType }: AssetFacts): string {
  return mediaType === 'text/plain' ? 'text/plain; charset=utf-8' : mediaType;
}
