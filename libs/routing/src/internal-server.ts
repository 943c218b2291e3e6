// The internal address of a process that owns accounts: lets in what another process of the deployment signed, decides it here, answers each command as it is done.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Command } from '@nestjs/cqrs';
import { EventStoreUnavailable, SessionsOverloaded } from '#libs/event-store';
import type { DeploymentSecret } from '#libs/platform';
import { routableNamed } from './routable-commands.js';
import type { RoutingMetrics } from './routing.metrics.js';
import {
  answerLine,
  FORWARD_PATH,
  HEADERS,
  HeardRequests,
  isSignedRequest,
  type ForwardedAnswer,
  type ForwardedBatch,
  type ForwardedCommand,
  type RequestName,
} from './wire.js';

export interface InternalServerParts {
  host: string;
  port: number;
  /** Of this process's start. */
  boot: string;
  version: string;
  secret: DeploymentSecret;
  /** Whether this process owns the bucket now. */
  owns: (bucket: number) => boolean;
  decide: (command: Command<unknown>) => Promise<unknown>;
  /** Waits until this process knows what the sender knew. */
  catchUp: (batch: Pick<ForwardedBatch, 'clockOffsetMs' | 'catalogueAt'>) => Promise<void>;
  metrics: RoutingMetrics;
  logger: Logger;
  bodyBytesMax: number;
  heartbeatMs?: number;
  commandsMax?: number;
}

/** Well under the silence after which a sender takes this process for gone. */
const HEARTBEAT_MS = 400;
/** Commands of other processes that are being decided here at once. */
const COMMANDS_MAX = 20_000;
const CONNECTIONS_MAX = 512;
const REQUEST_TIMEOUT_MS = 10_000;
const NAME_PATTERN = /^[0-9a-f-]{36}$/;
const SEQUENCE_PATTERN = /^[0-9]{1,15}$/;

export class InternalServer {
  readonly #server: Server;
  readonly #heard = new HeardRequests();
  readonly #underWay = new Set<Promise<void>>();
  #commands = 0;
  #isClosing = false;

  constructor(private readonly parts: InternalServerParts) {
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 60_000 });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('request', (request, response) => this.#take(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Answers the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.parts.port, this.parts.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers what was let in, then ends; new batches are turned away undecided meanwhile. */
  async close(): Promise<void> {
    this.#isClosing = true;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
      setTimeout(() => this.#server.closeAllConnections(), 1_000).unref();
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    const done = this.#serve(request, response)
      .catch((error: unknown) => {
        this.parts.logger.error({ err: error }, 'a batch from another process could not be served');
        response.destroy();
      })
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, why: string): void => {
      this.parts.metrics.refused(why);
      response.writeHead(status, { connection: 'close', 'content-length': 0 }).end();
      request.destroy();
    };
    if (request.method !== 'POST' || request.url !== FORWARD_PATH) return refuse(404, 'path');
    const name = nameOf(request);
    // Whoever does not know this start of ours has not read our lease: nothing of it is read.
    if (name?.boot !== this.parts.boot) return refuse(401, 'name');
    const length = Number(request.headers['content-length']);
    if (!Number.isSafeInteger(length) || length > this.parts.bodyBytesMax) return refuse(413, 'size');
    const body = await bodyOf(request, length);
    if (body === null) return refuse(400, 'size');
    if (!isSignedRequest(this.parts.secret, name, body, String(request.headers[HEADERS.signature]))) return refuse(401, 'signature');
    if (!this.#heard.isNew(name.sender, name.sequence)) return refuse(409, 'heard before');
    const batch = JSON.parse(body) as ForwardedBatch;
    if (batch.version !== this.parts.version) return refuse(409, 'version');
    await this.#answer(name, batch, response);
  }

  async #answer(name: RequestName, batch: ForwardedBatch, response: ServerResponse): Promise<void> {
    const { secret, heartbeatMs = HEARTBEAT_MS } = this.parts;
    let line = 0;
    let ready: string[] = [];
    const write = (): void => {
      const answers = ready;
      ready = [];
      if (!response.destroyed) response.write(answerLine(secret, name, line++, answers));
    };
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    write();
    const heartbeat = setInterval(write, heartbeatMs);
    try {
      if (batch.commands.length > 0 && !this.#isClosing) await this.parts.catchUp(batch);
      await Promise.all(
        batch.commands.map(async (command) => {
          const answer = JSON.stringify(await this.#decide(command));
          // What is done in one turn goes out together.
          if (ready.push(answer) === 1) setImmediate(() => ready.length > 0 && write());
        }),
      );
    } finally {
      clearInterval(heartbeat);
    }
    if (ready.length > 0) write();
    response.end();
  }

  async #decide({ n, type, bucket, fields }: ForwardedCommand): Promise<ForwardedAnswer> {
    const { owns, decide, metrics, logger, commandsMax = COMMANDS_MAX } = this.parts;
    const routable = routableNamed(type);
    if (routable === undefined || this.#isClosing || !owns(bucket)) {
      metrics.received('declined');
      return { n, declined: true };
    }
    if (this.#commands >= commandsMax) {
      metrics.received('failed');
      return { n, error: { name: 'SessionsOverloaded', message: `${this.#commands} commands of other processes wait here` } };
    }
    this.#commands += 1;
    try {
      const result = await decide(routable.make(fields));
      metrics.received('decided');
      return { n, result };
    } catch (error) {
      metrics.received('failed');
      const isForeseen = error instanceof SessionsOverloaded || error instanceof EventStoreUnavailable;
      if (!isForeseen)
        logger.error({ err: error, type, correlationId: routable.contextOf(fields)?.correlationId }, 'a forwarded command failed');
      return { n, error: { name: (error as Error).name, message: (error as Error).message } };
    } finally {
      this.#commands -= 1;
    }
  }
}

function nameOf({ headers }: IncomingMessage): RequestName | null {
  const boot = headers[HEADERS.boot];
  const sender = headers[HEADERS.sender];
  const sequence = headers[HEADERS.sequence];
  if (typeof boot !== 'string' || typeof sender !== 'string' || typeof sequence !== 'string') return null;
  if (!NAME_PATTERN.test(boot) || !NAME_PATTERN.test(sender) || !SEQUENCE_PATTERN.test(sequence)) return null;
  return { boot, sender, sequence: Number(sequence) };
}

/** Null where the body is not as long as was said. */
async function bodyOf(request: IncomingMessage, length: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > length) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return bytes === length ? Buffer.concat(chunks).toString('utf8') : null;
}
