// 1 → 5 · moves the deployment's clock and answers once everything that is now due has been booked and can be read; called by the API.
import { refuse, toIso, type InstantMs, type Iso, type Refusal } from '#libs/kernel';
import type { EventStore, Position } from '#libs/event-store';
import type { DueRows } from './due-rows.postgres.js';
import type { ReactionRefusalCode } from './errors.js';

const LOOK_EVERY_MS = 20;

export interface TestClockParts {
  clock: { now(): InstantMs; set(instant: InstantMs): Promise<{ ok: true; now: InstantMs } | Refusal<'conflict'>> };
  store: Pick<EventStore, 'head'>;
  rows: Pick<DueRows, 'outstanding'>;
  /** Read models: false where they did not get there in time. */
  waitFor: (position: Position, timeoutMs: number) => Promise<boolean>;
  timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/**
 * Works in any process: what the orchestrator has done is seen in PostgreSQL. Settled is: its checkpoint has reached the log's end of
 * the moment in which the clock was moved, no account is due, and no task is past its deadline without its credits released.
 */
export class TestClock {
  constructor(private readonly parts: TestClockParts) {}

  async set(instant: InstantMs): Promise<{ ok: true; now: Iso; position: Position } | Refusal<ReactionRefusalCode>> {
    const { clock, store, rows } = this.parts;
    const moved = await clock.set(instant);
    if (!('ok' in moved)) return moved;
    const until = performance.now() + (this.parts.timeoutMs ?? TIMEOUT_MS);
    const head = await store.head();
    let outstanding = await rows.outstanding(instant);
    while (outstanding.position < head || outstanding.accounts > 0 || outstanding.tasks > 0) {
      if (performance.now() >= until)
        return refuse(
          'not_ready',
          `the clock was moved, but ${outstanding.accounts} accounts and ${outstanding.tasks} tasks that are due are not booked yet`,
          { now: toIso(moved.now), accounts: outstanding.accounts, tasks: outstanding.tasks },
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      outstanding = await rows.outstanding(instant);
    }
    const position = await store.head();
    if (!(await this.parts.waitFor(position, Math.max(0, until - performance.now()))))
      return refuse('not_ready', 'what was due is booked, but the read models have not caught up yet', { now: toIso(moved.now) });
    return { ok: true, now: toIso(clock.now()), position };
  }
}
