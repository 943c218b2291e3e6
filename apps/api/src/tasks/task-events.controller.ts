// query · what happened to a task: a page of its facts, or the same as they happen.
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { POSITION_PATTERN, POSITION_START, type EventStore } from '#libs/event-store';
import { EVENT_STORE, READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { idInPath, visibilityOf } from '../http/context.js';
import { Drain } from '../http/drain.js';
import { keyOf } from '../http/exchange.js';
import { Reads } from '../http/reads.js';
import { ApiKeys } from '../keys/api-keys.service.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { invalid } from '../problems/problem.js';
import { CheckedQuery } from '../validation/checked.js';
import { idCursor, ListQueryDto, pageOf, readIdCursor } from '../validation/queries.js';
import { EventStream } from './event-stream.js';
import { readTaskFacts, taskEvent } from './task-facts.js';
import { TaskTail } from './task-tail.js';

const HISTORY_PAGE = 200;
/** The net below the tail: a settlement whose fact was missed is seen in the read model. */
const LOOK_MS = 1_000;
const SETTLED_TIMEOUT_MS = 5_000;

@Controller('v1/tasks/:id/events')
export class TaskEventsController {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(READ_MODELS) private readonly models: ReadModels,
    @Inject(TaskTail) private readonly tail: TaskTail,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Drain) private readonly drain: Drain,
    @Inject(ApiKeys) private readonly keys: ApiKeys,
  ) {}

  @Get()
  @Endpoint({
    id: 'listTaskEvents',
    tag: 'Tasks',
    summary: 'The facts of a task: a JSON page, or with `Accept: text/event-stream` as they happen.',
    description:
      'The stream has `event: <type>`, `id: <position>` and a comment every 15 seconds, resumes after `Last-Event-ID`, and ends once the task is over and its credits are settled.',
    scope: 'tasks:read',
    query: ListQueryDto,
    answer: { status: 200, schema: 'TaskEventList', mediaTypes: ['application/json', 'text/event-stream'] },
  })
  async events(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Query(new CheckedQuery(ListQueryDto)) query: ListQueryDto,
  ): Promise<void> {
    const id = idInPath(request, 'id', 'task');
    await this.reads.ready(request, query);
    if (request.method === 'GET' && request.headers.accept?.includes('text/event-stream') === true) return this.#stream(request, reply, id);
    const page = pageOf(query);
    const from = page.cursor === null ? 0 : revisionOf(page.cursor);
    const facts = await readTaskFacts(this.store, keyOf(request), id, from, page.limit + 1);
    const more = facts.length > page.limit;
    void reply.send({ data: facts.slice(0, page.limit).map(taskEvent), nextCursor: more ? idCursor(String(from + page.limit)) : null });
  }

  async #stream(request: FastifyRequest, reply: FastifyReply, id: string): Promise<void> {
    const key = keyOf(request);
    const after = lastEventIdOf(request);
    // Everything that can refuse comes before the first byte.
    let facts = await readTaskFacts(this.store, key, id, 0, HISTORY_PAGE);
    let stream: EventStream | null = null;
    const early: Parameters<EventStream['heard']>[0][] = [];
    const leave = await this.tail.watch(key.tenant, id, (fact) => (stream === null ? void early.push(fact) : stream.heard(fact)));
    reply.hijack();
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'Content-Type': 'text/event-stream; charset=utf-8',
      'X-Accel-Buffering': 'no',
      // Nothing follows on a connection that was a stream.
      Connection: 'close',
    });
    // Sent at once, so that the client knows that it is connected.
    reply.raw.write(': connected\n\n');
    const opened: EventStream = (stream = new EventStream(reply.raw, after, (position) => void this.#settle(opened, position)));
    opened.onClose(leave);
    opened.onClose(this.drain.onDrain(() => opened.close()));
    opened.onClose(this.keys.onRevoked(key, () => opened.close()));
    for (const fact of early) opened.heard(fact);
    try {
      // Once more from the start: what came between the first look and the tail is in it.
      for (let from = 0; !opened.isClosed; from += HISTORY_PAGE) {
        facts = await readTaskFacts(this.store, key, id, from, HISTORY_PAGE);
        opened.history(facts);
        if (facts.length < HISTORY_PAGE) break;
      }
      opened.live();
      await this.#closeWhenSettled(request, opened, id);
    } catch {
      // The store went away under an answer that has begun: the client comes back with Last-Event-ID.
      opened.close();
    }
  }

  /** Whoever watched to the end and then reads finds the end. */
  async #settle(stream: EventStream, position: string): Promise<void> {
    if (await this.models.waitFor(position, SETTLED_TIMEOUT_MS).catch(() => false)) stream.settled();
  }

  async #closeWhenSettled(request: FastifyRequest, stream: EventStream, id: string): Promise<void> {
    const look = async (): Promise<void> => {
      if (stream.isClosed || !stream.isOver) return;
      const task = await this.models.task(visibilityOf(request), id);
      if (task !== null && task.settlement !== 'open') stream.settled();
    };
    await look();
    if (stream.isClosed) return;
    const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
    timer.unref();
    stream.onClose(() => clearInterval(timer));
  }
}

function revisionOf(cursor: string): number {
  const text = readIdCursor(cursor);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid([{ pointer: '/cursor', detail: 'is not a cursor of this list' }]);
  return Number(text);
}

function lastEventIdOf(request: FastifyRequest): string {
  const header = request.headers['last-event-id'];
  if (header === undefined || header === '') return POSITION_START;
  if (typeof header !== 'string' || !POSITION_PATTERN.test(header))
    throw invalid([{ pointer: '', detail: 'has a Last-Event-ID that is no position' }]);
  return header;
}
