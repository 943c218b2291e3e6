// 1 → 2 · a key that is bound to accounts may touch what is of its accounts only: what it may not see is not there, whatever it wants to do with it.
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { STUDIO_READS } from '#libs/platform';
import type { StudioReads } from '#libs/studio';
import { CaughtUp } from '../http/caught-up.js';
import { visibilityOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { notFound } from '../problems/problem.js';

@Injectable()
export class StudioSight {
  constructor(
    @Inject(CaughtUp) private readonly caughtUp: CaughtUp,
    @Inject(STUDIO_READS) private readonly studio: StudioReads,
  ) {}

  ofBrief(request: FastifyRequest, id: string): Promise<void> {
    return this.#judge(request, 'brief', () => this.studio.brief(visibilityOf(request), id));
  }

  ofClip(request: FastifyRequest, id: string): Promise<void> {
    return this.#judge(request, 'clip', () => this.studio.clip(visibilityOf(request), id));
  }

  /** Other keys see all of their tenant: whether the object is there is seen where it is changed. */
  async #judge(request: FastifyRequest, what: string, look: () => Promise<object | null>): Promise<void> {
    if (keyOf(request).accounts === null) return;
    if ((await this.caughtUp.find(look)) === null) throw notFound(what);
  }
}
