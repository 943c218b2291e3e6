// query · makes a read wait for the position it must show: the one asked for, or the last that the same key wrote here.
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { ApiProblem } from '../problems/problem.js';
import type { ReadQueryDto } from '../validation/queries.js';
import { keyOf } from './exchange.js';

const AT_LEAST_TIMEOUT_MS = 10_000;
export const OWN_WRITES_TIMEOUT_MS = 2_000;

function notReached(position: string): ApiProblem {
  return new ApiProblem('not_ready', `What is read has not reached position ${position} within ${AT_LEAST_TIMEOUT_MS / 1_000} seconds.`, {
    atLeast: position,
  });
}

/** What can be waited for: the read models, or the catalogue in memory. */
type Readable = Pick<ReadModels, 'waitFor'>;

/** Throws `not_ready` where the position is not reached in time. */
export async function reach(readable: Readable, position: string): Promise<void> {
  if (!(await readable.waitFor(position, AT_LEAST_TIMEOUT_MS))) throw notReached(position);
}

/** Best effort: a read model that stands still must not make every read of a writer an error. The request is told that it is behind. */
export async function reachOwn(readable: Readable, position: string, request: FastifyRequest): Promise<boolean> {
  const isReached = await readable.waitFor(position, OWN_WRITES_TIMEOUT_MS);
  if (!isReached) request.exchange.isBehind = true;
  return isReached;
}

@Injectable()
export class Reads {
  /** The furthest position that the read models were seen to have reached: nothing behind it is waited for again. */
  #reached = '';

  constructor(@Inject(READ_MODELS) private readonly models: ReadModels) {}

  /** Undefined when there is nothing to wait for, so that the usual read pays no turn of the loop. */
  ready(request: FastifyRequest, query: ReadQueryDto): Promise<void> | undefined {
    const own = keyOf(request).lastPosition;
    const asked = query.atLeast;
    if ((own === null || own <= this.#reached) && (asked === undefined || asked <= this.#reached)) return undefined;
    return this.#wait(request, own, asked);
  }

  async #wait(request: FastifyRequest, own: string | null, asked: string | undefined): Promise<void> {
    if (asked !== undefined && asked > this.#reached) {
      await reach(this.models, asked);
      this.#note(asked);
    }
    if (own !== null && own > this.#reached && (await reachOwn(this.models, own, request))) this.#note(own);
  }

  #note(position: string): void {
    if (position > this.#reached) this.#reached = position;
  }
}
