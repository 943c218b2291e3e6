// 1 HTTP in · what happens to every request around its controller: ids and headers first, then who calls, at the end one log line and the figures.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { newCommandId } from '#libs/kernel';
import type { Config } from '#libs/platform';
import { auditId, isAudited, shownPath, targetOf } from '../audit/audit-entry.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { ApiKeys } from '../keys/api-keys.service.js';
import { DEPLOYMENT_TENANT, type ApiKey } from '../keys/api-key.js';
import { takeToken } from '../keys/rate-limit.js';
import type { HttpMetrics } from '../metrics/http.metrics.js';
import type { EndpointSpec } from '../openapi/endpoint.decorator.js';
import { ApiProblem } from '../problems/problem.js';
import { pathOf, type Exchange } from './exchange.js';
import { securityHeadersOf } from './security-headers.js';

export interface HookParts {
  keys: ApiKeys;
  config: Pick<Config, 'requestsPerSecondMax'>;
  logger: Logger;
  metrics: HttpMetrics;
  audit: Pick<AuditLog, 'add' | 'clock' | 'secret'>;
}

const CORRELATION = /^[A-Za-z0-9._:+/=@-]{1,128}$/;

/** A correlation id of the caller's own is kept when it is printable and short. */
export function newExchange(correlationHeader: unknown): Exchange {
  const requestId = `req_${newCommandId()}`;
  const correlationId = typeof correlationHeader === 'string' && CORRELATION.test(correlationHeader) ? correlationHeader : requestId;
  return { requestId, correlationId, startedAt: performance.now(), key: null, problemCode: null, isAudited: false, isBehind: false };
}

export function registerHooks(fastify: FastifyInstance, parts: HookParts): void {
  // The members of a request's line are chosen by hand below, so that no name has to be looked for in them; keys inside their texts still are.
  const lines = parts.logger.child({}, { redact: [] });
  fastify.decorateRequest('exchange', null as unknown as Exchange);
  fastify.addHook('onRequest', (request, reply, done) => {
    request.exchange = newExchange(request.headers['x-correlation-id']);
    reply.header('Request-Id', request.exchange.requestId);
    reply.headers(securityHeadersOf(request.url));
    const endpoint = request.routeOptions.config.endpoint;
    if (endpoint === undefined || endpoint.open === true) return done();
    admit(request, endpoint, parts, done);
  });
  // Before the answer goes out, so that a client that has left by then is told of too.
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    audit(request, reply, parts.audit);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    observe(request, reply, parts.metrics, lines);
    done();
  });
}

/** Synchronous for a key that is known, which is nearly always. */
function admit(request: FastifyRequest, endpoint: EndpointSpec, parts: HookParts, done: (error?: Error) => void): void {
  try {
    const found = parts.keys.authenticate(tokenOf(request.headers.authorization));
    if (found instanceof Promise) {
      found.then(
        (key) => {
          try {
            enter(request, endpoint, key, parts);
          } catch (error) {
            return done(error as Error);
          }
          done();
        },
        (error: unknown) => done(error as Error),
      );
      return;
    }
    enter(request, endpoint, found, parts);
  } catch (error) {
    return done(error as Error);
  }
  done();
}

function tokenOf(header: string | undefined): string {
  if (header === undefined) throw unauthorized('This route needs an API key in the Authorization header.');
  const match = /^Bearer +([\x21-\x7e]{1,255})$/i.exec(header);
  if (match === null) throw unauthorized('The Authorization header is not `Bearer <key>`.');
  return match[1] as string;
}

function unauthorized(detail: string): ApiProblem {
  return new ApiProblem('unauthorized', detail, {}, { 'WWW-Authenticate': 'Bearer realm="rollcredits"' });
}

function enter(request: FastifyRequest, endpoint: EndpointSpec, key: ApiKey | null, parts: HookParts): void {
  if (key === null) throw unauthorized('The API key does not exist or was revoked.');
  request.exchange.key = key;
  takeToken(key, parts.config.requestsPerSecondMax, performance.now());
  const { scope, orScope } = endpoint;
  if (scope !== null && !key.may.has(scope) && !key.may.has('admin') && (orScope === undefined || !key.may.has(orScope))) {
    const other = orScope === undefined ? '' : ` or ${orScope}`;
    throw new ApiProblem('forbidden', `This API key lacks the scope ${scope}${other}.`, { requiredScope: scope });
  }
  if (endpoint.deployment === true && key.tenant !== DEPLOYMENT_TENANT) {
    throw new ApiProblem(
      'forbidden',
      "Models, plans and the test clock are the deployment's: they are changed by its administrator's tenant only.",
    );
  }
}

function audit(request: FastifyRequest, reply: FastifyReply, log: HookParts['audit']): void {
  const exchange = request.exchange as Exchange | null;
  // What the router itself refused knows of no route.
  if (exchange === null || exchange.key === null || exchange.isAudited) return;
  const { endpoint } = request.routeOptions.config;
  if (endpoint === undefined || !isAudited(request.method, endpoint)) return;
  exchange.isAudited = true;
  const { key, requestId } = exchange;
  const position = reply.getHeader('Position');
  log.add({
    id: auditId(requestId),
    at: log.clock.now(),
    tenant: key.tenant,
    keyId: key.id,
    keyName: key.name,
    action: endpoint.id,
    method: request.method,
    path: shownPath(pathOf(request), log.secret),
    target: targetOf(request.params, reply.getHeader('Location'), log.secret),
    status: reply.statusCode,
    requestId,
    position: typeof position === 'string' ? position : null,
  });
}

function observe(request: FastifyRequest, reply: FastifyReply, metrics: HttpMetrics, lines: Logger): void {
  const exchange = request.exchange as Exchange | null;
  if (exchange === null) return;
  const ms = performance.now() - exchange.startedAt;
  const route = request.routeOptions.url ?? 'unknown';
  metrics.observe(request.method, route, reply.statusCode, ms / 1_000);
  if (exchange.problemCode !== null) metrics.refused(exchange.problemCode);
  if (!lines.isLevelEnabled('info')) return;
  // Never the query, the body or a header: each may hold what a person wrote or a key.
  lines.info(
    {
      requestId: exchange.requestId,
      correlationId: exchange.correlationId,
      causationId: exchange.requestId,
      method: request.method,
      path: pathOf(request).slice(0, 300),
      route,
      status: reply.statusCode,
      ms: Math.round(ms * 100) / 100,
      keyId: exchange.key?.id ?? null,
      tenant: exchange.key?.tenant ?? null,
      ...(exchange.problemCode !== null && { code: exchange.problemCode }),
    },
    'request',
  );
}
