// 1 HTTP in · what the edge knows of a request before any controller sees it; hung on Fastify's request by the hooks.
import type { FastifyRequest } from 'fastify';
import type { ApiKey } from '../keys/api-key.js';
import type { EndpointSpec } from '../openapi/endpoint.decorator.js';

export interface Exchange {
  requestId: string;
  correlationId: string;
  startedAt: number;
  /** Null on routes that need none. */
  key: ApiKey | null;
  /** The code of the problem that was answered, for the log and the metrics. */
  problemCode: string | null;
  /** Its entry in the audit was made. */
  isAudited: boolean;
  /** What the key wrote last is not in what is read yet: what is not found may be on its way. */
  isBehind: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
  interface FastifyContextConfig {
    /** The route's declaration; what has none needs no key and belongs to no resource. */
    endpoint?: EndpointSpec;
  }
}

/** The path asked for, without its query. */
export function pathOf(request: Pick<FastifyRequest, 'url'>): string {
  const query = request.url.indexOf('?');
  return query === -1 ? request.url : request.url.slice(0, query);
}

/** The key of a route that needs one: the hooks have refused the request otherwise. */
export function keyOf(request: FastifyRequest): ApiKey {
  const key = request.exchange.key;
  if (key === null) throw new Error(`${request.method} ${pathOf(request)} declares no scope but asks for a key`);
  return key;
}
