// query · makes a read of the catalogue as fresh as it was asked to be: the catalogue is a read model held in memory.
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Catalogue } from '#libs/catalogue';
import { CATALOGUE } from '#libs/platform';
import { keyOf } from '../http/exchange.js';
import { reach, reachOwn } from '../http/reads.js';
import type { ReadQueryDto } from '../validation/queries.js';

@Injectable()
export class CatalogueReads {
  constructor(@Inject(CATALOGUE) readonly catalogue: Catalogue) {}

  async ready(request: FastifyRequest, query: ReadQueryDto): Promise<void> {
    if (query.atLeast !== undefined) await reach(this.catalogue, query.atLeast);
    const own = keyOf(request).lastPosition;
    if (own !== null) await reachOwn(this.catalogue, own, request);
  }
}
