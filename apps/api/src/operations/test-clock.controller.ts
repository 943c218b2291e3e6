// 1 HTTP in · moves the deployment's clock forward, where TEST_CLOCK allows it; everywhere else there is no such route.
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal, toIso } from '#libs/kernel';
import { NO_STREAM, tenantStream, type Executed, type KeyedCommands } from '#libs/event-store';
import { CONFIG, KEYED_COMMANDS, type Config } from '#libs/platform';
import { TestClock } from '#libs/reactions';
import { contextOf } from '../http/context.js';
import { keyOf } from '../http/exchange.js';
import { Writes } from '../http/writes.js';
import { Endpoint } from '../openapi/endpoint.decorator.js';
import { ApiProblem } from '../problems/problem.js';
import { CheckedBody } from '../validation/checked.js';
import { parseInstant } from '../validation/instant.js';
import { Instant } from '../validation/words.js';

export class SetTestClockDto {
  @Instant()
  now!: string;
}

interface ClockView {
  now: string;
  position: string;
}

@Controller('v1/test-clock')
export class TestClockController {
  constructor(
    @Inject(Writes) private readonly writes: Writes,
    @Inject(KEYED_COMMANDS) private readonly keyed: KeyedCommands,
    @Inject(TestClock) private readonly clock: TestClock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post()
  @Endpoint({
    id: 'setTestClock',
    tag: 'Operations',
    summary: 'Move the clock of the deployment forward; answers once everything that is now due is booked. 404 unless TEST_CLOCK=1.',
    scope: 'admin',
    deployment: true,
    body: SetTestClockDto,
    answer: { status: 200, schema: 'TestClock' },
    problems: ['conflict'],
    example: { now: '2026-12-01T00:00:00Z' },
  })
  async set(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    if (!this.config.testClock) throw new ApiProblem('not_found', 'There is no such route.');
    const { now } = new CheckedBody(SetTestClockDto).transform(body);
    // The clock ticks on from it; what is answered is what was set, so that a replay says the same.
    const setTo = toIso(parseInstant(now) as number);
    const { tenant } = keyOf(request);
    const result = await this.keyed.run<ClockView>(contextOf(request), {
      execute: async ({ meta }): Promise<Executed<ClockView>> => {
        const moved = await this.clock.set(parseInstant(now) as number);
        if (isRefusal(moved)) return { ...moved, ok: false };
        const view = { now: setTo, position: moved.position };
        return {
          unchanged: { stream: tenantStream('request', tenant, meta.commandId), revision: NO_STREAM },
          result: { ok: true, view, position: moved.position, replayed: false },
        };
      },
      replay: async (recorded) => ({
        ok: true,
        view: { now: setTo, position: recorded.position },
        position: recorded.position,
        replayed: true,
      }),
    });
    this.writes.send(request, reply, result, 200);
  }
}
