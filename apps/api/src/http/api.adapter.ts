// 1 HTTP in · the Fastify under Nest: its limits, its JSON parser, and problems for everything that no controller sees.
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '#libs/platform';
import { newCommandId } from '#libs/kernel';
import { ApiProblem, problemOf } from '../problems/problem.js';
import { parseJsonBody } from './json-body.js';
import type { ProblemSender } from './problem.filter.js';
import { RouteTable } from './route-table.js';

const JSON_TYPE = 'application/json';
const UPLOAD_TYPES = ['text/csv', 'application/x-ndjson'];
const BATCH_ROUTE = '/v1/tasks/batch';
/** Time for a body to arrive; the headers have their own below. */
const BODY_TIMEOUT_MS = 60_000;
/** A file is read no faster than it is taken in. */
const UPLOAD_TIMEOUT_MS = 3_600_000;

export type AdapterLimits = Pick<Config, 'bodyBytesMax' | 'batchBodyBytesMax' | 'jsonDepthMax'>;

export class ApiAdapter extends FastifyAdapter {
  readonly routes = new RouteTable();

  constructor(
    limits: AdapterLimits,
    private readonly sender: ProblemSender,
  ) {
    super({
      bodyLimit: limits.bodyBytesMax,
      logger: false,
      skipMiddie: true,
      // The longest that any route takes; the others end theirs below.
      requestTimeout: UPLOAD_TIMEOUT_MS,
      keepAliveTimeout: 72_000,
      routerOptions: { maxParamLength: 200, caseSensitive: true },
      // While draining, a request that came over a living connection is still served; its answer closes the connection.
      return503OnClosing: false,
      forceCloseConnections: 'idle',
      onProtoPoisoning: 'error',
      frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => sender.send(error, request, reply),
      clientErrorHandler: refuseUnreadable,
    } as never);
    const fastify = this.getInstance<FastifyInstance>();
    fastify.server.headersTimeout = 20_000;
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (request, bytes, done) => {
      try {
        assertUtf8(request.headers['content-type'] ?? '');
        done(null, parseJsonBody(bytes as Buffer, limits.jsonDepthMax));
      } catch (error) {
        done(error as Error);
      }
    });
    // Handed on as it arrives, to the routes that are declared to take a file, each of which limits it itself.
    fastify.addContentTypeParser(UPLOAD_TYPES, (request, payload, done) => {
      const { upload } = request.routeOptions.config.endpoint ?? {};
      if (upload === undefined) return done(new ApiProblem('unsupported_media_type', 'The body must be application/json in UTF-8.'));
      done(null, payload);
    });
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (request.routeOptions.config.endpoint?.upload === undefined) limitArrival(request.raw);
      done();
    });
    fastify.addHook('onRoute', (route) => {
      if (route.url === BATCH_ROUTE) route.bodyLimit = limits.batchBodyBytesMax;
      this.routes.add(route.method, route.url);
    });
  }

  /** Nest would answer in its own shape. */
  override setErrorHandler(): never {
    return this.getInstance<FastifyInstance>().setErrorHandler((error, request, reply) => this.sender.send(error, request, reply)) as never;
  }

  override setNotFoundHandler(): never {
    return this.getInstance<FastifyInstance>().setNotFoundHandler((request, reply) =>
      this.sender.send(this.routes.refusalOf(request), request, reply),
    ) as never;
  }
}

/** A body that does not arrive ends its connection, as Node's own request timeout would. */
function limitArrival(request: IncomingMessage): void {
  // What is injected came over no connection, and is there whole.
  if (!(request.socket instanceof Socket)) return;
  if (request.complete || (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined)) return;
  const timer = setTimeout(() => {
    if (!request.complete) refuseUnreadable(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), request.socket);
  }, BODY_TIMEOUT_MS);
  timer.unref();
  const clear = (): void => clearTimeout(timer);
  request.once('end', clear).once('close', clear);
}

/** JSON is UTF-8 (RFC 8259, 8.1): a body that says that it is written otherwise would be read as something else than was sent. */
function assertUtf8(contentType: string): void {
  if (contentType.length === JSON_TYPE.length) return;
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return;
  throw new ApiProblem('unsupported_media_type', 'A body is JSON in UTF-8; its Content-Type names another charset.');
}

/** What Node's parser could not read as HTTP: there is no request yet, so the answer is written by hand. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: IncomingMessage }): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const problem = tooLarge
    ? new ApiProblem('headers_too_large', 'The headers of the request are too large.')
    : new ApiProblem(
        'validation_failed',
        error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'The request did not arrive in time.' : 'The request is not valid HTTP.',
      );
  const requestId = `req_${newCommandId()}`;
  const body = problemOf(problem.code, problem.message, problem.fields, { instance: '', requestId });
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${body.status} ${tooLarge ? 'Request Header Fields Too Large' : 'Bad Request'}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nRequest-Id: ${requestId}\r\nConnection: close\r\n\r\n${text}`,
  );
}
