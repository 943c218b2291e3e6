// Random lives of tasks, with doubled, reordered and late commands and a clock that jumps: what must hold whatever happens.
import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toIso } from '#libs/kernel';
import type { TaskCommand } from './task.commands.js';
import { assetAt, decideTask, evolveTask, initialTask, isOver, liveAttempt, timesOutAt } from './task.decider.js';
import { TASK_ENDINGS, type TaskFact } from './task.facts.js';
import type { TaskState } from './task.state.js';
import {
  ASSET,
  DEADLINE_AT,
  FAILURE,
  fold,
  GONE,
  HOLD_UNTIL,
  KEPT,
  submitted,
  SUBMITTED_AT,
  submittedToHold,
  USD,
} from './testing/given.js';

const attempt = fc.integer({ min: 1, max: 3 });
const policy = fc.constantFrom('deliver_free', 'offer', 'discard');
const cost = fc.constantFrom(null, USD);
const command: fc.Arbitrary<TaskCommand> = fc.oneof(
  fc.constant<TaskCommand>({ type: 'Dispatch', provider: 'simulator' }),
  fc.record({ type: fc.constant('Accept'), attempt, providerJobId: fc.constantFrom('job_a', 'job_b') }),
  fc.record({ type: fc.constant('MarkSubmissionUnknown'), attempt, detail: fc.constant('') }),
  fc.record({ type: fc.constant('Progress'), attempt, percent: fc.integer({ min: -1, max: 101 }) }),
  fc.record({
    type: fc.constant('FailAttempt'),
    attempt,
    failure: fc.constant(FAILURE),
    cost,
    retryAt: fc.constantFrom(null, SUBMITTED_AT + 50_000, HOLD_UNTIL),
    lost: fc.constantFrom(undefined, true),
  }),
  fc.record({
    type: fc.constant('Complete'),
    attempt,
    assets: fc.constant([ASSET]),
    deliveredFraction: fc.constantFrom('0', '0.5', '1', '2'),
    actualDurationSeconds: fc.constant(null),
    cost,
    lateResultPolicy: policy,
  }),
  fc.record({ type: fc.constant('Fail'), attempt: fc.option(attempt), failure: fc.constant(FAILURE), cost, lateResultPolicy: policy }),
  fc.constant<TaskCommand>({ type: 'TimeOut' }),
  fc.constant<TaskCommand>({ type: 'RequestCancellation', reason: null }),
  fc.record({ type: fc.constant('Cancel'), attempt: fc.option(attempt), cost }),
  fc.constant<TaskCommand>({ type: 'AcceptLateResult', reservationId: 'task_1.late' }),
  fc.record({ late: fc.boolean(), index: fc.constantFrom(0, 1), isKept: fc.boolean() }).map(({ isKept, ...at }): TaskCommand => {
    const place = { ...at, sourceUrl: ASSET.url };
    return { type: 'RecordAssets', stored: isKept ? [{ ...place, ...KEPT }] : [], notStored: isKept ? [] : [{ ...place, ...GONE }] };
  }),
) as fc.Arbitrary<TaskCommand>;
/** Instants are not in order: a wake-up may carry an older one than what was decided before it. */
const instant = fc.oneof(
  fc.integer({ min: SUBMITTED_AT, max: DEADLINE_AT - 1 }),
  fc.constantFrom(DEADLINE_AT - 1, DEADLINE_AT, HOLD_UNTIL - 1, HOLD_UNTIL),
  fc.integer({ min: DEADLINE_AT, max: HOLD_UNTIL + 60_000 }),
);
const life = fc.record({
  holds: fc.boolean(),
  steps: fc.array(fc.record({ command, at: instant, copies: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 40 }),
});

interface Lived {
  facts: TaskFact[];
  state: TaskState;
}

function live(
  holds: boolean,
  steps: ReadonlyArray<{ command: TaskCommand; at: number; copies: number }>,
  check: (lived: Lived, written: TaskFact[], at: number) => void,
): Lived {
  const facts: TaskFact[] = [holds ? submittedToHold() : submitted()];
  const lived: Lived = { facts, state: fold(facts) };
  for (const step of steps) {
    for (let copy = 0; copy < step.copies; copy += 1) {
      const before = JSON.stringify(lived.state);
      const decision = decideTask(lived.state, step.command, step.at);
      assert.equal(JSON.stringify(lived.state), before);
      const written = Array.isArray(decision) ? decision : [];
      check(lived, written, step.at);
      for (const fact of written) {
        facts.push(fact);
        evolveTask(lived.state, fact);
      }
      const again = decideTask(lived.state, step.command, step.at);
      // A second copy may find another attempt to dispatch or a task to give up, never what it was answered with before.
      if (Array.isArray(again)) assert.notDeepEqual(again, written);
      if (step.command.type !== 'Dispatch' && written.length > 0) assert.ok(!Array.isArray(again));
    }
  }
  return lived;
}

describe('whatever happens to a task', () => {
  it('it ends at most once, and every command again is unchanged or refused', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        const { facts, state } = live(holds, steps, () => undefined);
        const endings = facts.filter((fact) => (TASK_ENDINGS as readonly string[]).includes(fact.type));
        expect(endings.length).toBe(isOver(state) ? 1 : 0);
      }),
      { numRuns: 1_500 },
    );
  });

  it('replaying its facts gives the same state, bit for bit', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        const { facts, state } = live(holds, steps, () => undefined);
        expect(fold(JSON.parse(JSON.stringify(facts)) as TaskFact[])).toEqual(state);
        expect(facts.reduce(evolveTask, initialTask())).toEqual(state);
      }),
      { numRuns: 500 },
    );
  });

  it('one attempt is live at most, none after the ending, and each has at most one verdict', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        const { facts } = live(holds, steps, ({ state }) => {
          const alive = state.attempts.filter((each) => ['dispatching', 'submission_unknown', 'running'].includes(each.status));
          assert.ok(alive.length <= (isOver(state) ? 0 : 1));
        });
        const verdicts = facts.flatMap((fact) => {
          const isVerdict = ['TaskAttemptFailed', 'TaskCompleted', 'TaskFailed', 'TaskCancelled', 'LateResultArrived'].includes(fact.type);
          // An attempt that was given up has no verdict; what it still brings is its first.
          const isGivenUp = 'lost' in fact.data && fact.data.lost === true;
          return isVerdict && !isGivenUp && 'attempt' in fact.data && fact.data.attempt !== null ? [fact.data.attempt] : [];
        });
        expect(new Set(verdicts).size).toBe(verdicts.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('it is not timed out before its time, and completes in time or not at all', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        live(holds, steps, ({ state }, written, at) => {
          const due = timesOutAt(state);
          for (const fact of written) {
            if (fact.type === 'TaskTimedOut') assert.ok(at >= due);
            if (fact.type === 'TaskCompleted') assert.ok(at < due);
            if (fact.type === 'TaskTimedOut' && holds && liveAttempt(state) !== null) assert.ok(at >= HOLD_UNTIL);
            assert.equal(fact.data.decidedAt, toIso(at));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it('each of its assets is kept once at most, and what is kept stays so', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        const { facts, state } = live(holds, steps, () => undefined);
        const kept = facts.flatMap((fact) => (fact.type === 'TaskAssetsStored' ? fact.data.assets : []));
        expect(new Set(kept.map(({ index, late }) => `${index} ${late}`)).size).toBe(kept.length);
        for (const { index, late } of kept) expect(assetAt(state, { index, late, sourceUrl: ASSET.url })?.kept).toEqual(KEPT);
      }),
      { numRuns: 500 },
    );
  });

  it('a late result is never charged silently: only an offer that the customer takes names credits', () => {
    fc.assert(
      fc.property(life, ({ holds, steps }) => {
        const { facts, state } = live(holds, steps, () => undefined);
        const accepted = facts.filter((fact) => fact.type === 'LateResultAccepted');
        expect(accepted.length).toBeLessThanOrEqual(1);
        if (accepted.length === 1) expect(state.late).toMatchObject({ policy: 'offer', outcome: 'succeeded', accepted: true });
        if (state.late?.policy === 'discard') expect(state.assets.filter((asset) => asset.late)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
