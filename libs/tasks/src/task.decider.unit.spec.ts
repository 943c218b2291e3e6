// Shows a task's life: how it is dispatched and retried, that it ends once, and what cancelling comes to.
import { describe, expect, it } from '@jest/globals';
import { toIso, UNCHANGED } from '#libs/kernel';
import { cancellationOutcome, clientJobId, isOver, liveAttempt, timesOutAt } from './task.decider.js';
import type { TaskCommand } from './task.commands.js';
import {
  accept,
  acceptLate,
  BRIEF,
  cancel,
  codeOf,
  complete,
  DEADLINE_AT,
  dispatch,
  fail,
  failAttempt,
  fold,
  FAILURE,
  requestCancellation,
  rejected,
  Story,
  submitted,
  SUBMITTED_AT,
  timeOut,
  types,
  unknown,
  USD,
} from './testing/given.js';

const running = (): Story => Story.given(submitted()).then(dispatch).then(accept());
const everyCommand: TaskCommand[] = [
  dispatch,
  accept(),
  unknown(),
  { type: 'Progress', attempt: 1, percent: 10 },
  failAttempt(null),
  complete(),
  fail(),
  fail(null),
  timeOut,
  requestCancellation,
  cancel(),
  cancel(null),
  acceptLate,
];

describe('a task', () => {
  it('is pending until it is dispatched, then processing', () => {
    const story = Story.given(submitted());
    expect(story.state.status).toBe('pending');
    expect(story.then(dispatch).state).toMatchObject({
      status: 'processing',
      attempts: [{ number: 1, status: 'dispatching', providerJobId: null }],
    });
  });

  it('made for a brief says so again where a clip comes of it, and nowhere else', () => {
    const running = Story.given(submitted({ brief: BRIEF }))
      .then(dispatch)
      .then(accept());
    expect(running.when(complete())).toMatchObject([{ type: 'TaskCompleted', data: { briefId: 'brief_1' } }]);
    const late = Story.given(submitted({ brief: BRIEF }))
      .then(dispatch)
      .then(accept())
      .then(timeOut, DEADLINE_AT);
    late.then(complete({ lateResultPolicy: 'offer' }));
    expect(late.when(acceptLate)).toMatchObject([{ type: 'LateResultAccepted', data: { briefId: 'brief_1' } }]);
    const plain = Story.given(submitted()).then(dispatch).then(accept()).when(complete());
    expect(plain).not.toHaveProperty('0.data.briefId');
    expect(fold([submitted()])).not.toHaveProperty('brief');
  });

  it('names every attempt for good before the provider hears of it', () => {
    expect(Story.given(submitted()).when(dispatch)).toMatchObject([
      { type: 'TaskDispatched', data: { attempt: 1, clientJobId: 'task_1.1' } },
    ]);
    expect(clientJobId('task_1', 2)).toBe('task_1.2');
  });

  it('completes with its assets, its cost and what was delivered', () => {
    const { state } = running().then(complete({ deliveredFraction: '0.5' }));
    expect(state).toMatchObject({
      status: 'completed',
      deliveredFraction: '0.5',
      percent: 100,
      attempts: [{ status: 'succeeded', cost: USD }],
    });
    expect(state.assets).toEqual([{ url: 'https://assets.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5', late: false }]);
  });

  it('shows progress that grows, and nothing that falls back', () => {
    const story = running().then({ type: 'Progress', attempt: 1, percent: 40 });
    expect(story.state.percent).toBe(40);
    expect(story.when({ type: 'Progress', attempt: 1, percent: 40 })).toBe(UNCHANGED);
    expect(story.when({ type: 'Progress', attempt: 1, percent: 20 })).toBe(UNCHANGED);
    expect(codeOf(story.when({ type: 'Progress', attempt: 1, percent: 101 }))).toBe('validation_failed');
    expect(codeOf(story.when({ type: 'Progress', attempt: 1, percent: 0.5 }))).toBe('validation_failed');
  });

  it('that does not exist is not found, whatever is asked of it', () => {
    for (const command of everyCommand) expect(codeOf(Story.given().when(command))).toBe('not_found');
  });

  it('that was rejected never starts', () => {
    const story = Story.given(rejected());
    expect(story.state).toMatchObject({ status: 'rejected', failure: { code: 'insufficient_credits', blame: 'customer' } });
    for (const command of everyCommand) expect(types(story.when(command))).toEqual([]);
  });

  it('refuses a verdict that cannot be recorded exactly', () => {
    for (const deliveredFraction of ['1.5', '-1', '0.1234567', 'half', '1e-1']) {
      expect(codeOf(running().when(complete({ deliveredFraction })))).toBe('validation_failed');
    }
    expect(codeOf(running().when(complete({ actualDurationSeconds: 'long' })))).toBe('validation_failed');
    expect(codeOf(running().when(complete({ assets: [{ url: 'x', mediaType: 'video/mp4', durationSeconds: '-1' }] })))).toBe(
      'validation_failed',
    );
  });

  it('refuses what names an attempt that never was', () => {
    const story = running();
    for (const attempt of [0, 2, -1, 1.5]) {
      expect(codeOf(story.when(complete({ attempt })))).toBe('conflict');
      expect(codeOf(story.when(accept(attempt)))).toBe('conflict');
      expect(codeOf(story.when(unknown(attempt)))).toBe('conflict');
      expect(codeOf(story.when(fail(attempt)))).toBe('conflict');
      expect(codeOf(story.when(failAttempt(null, attempt)))).toBe('conflict');
      expect(codeOf(story.when(failAttempt(SUBMITTED_AT + 5_000, attempt)))).toBe('conflict');
      expect(codeOf(story.when(cancel(attempt)))).toBe('conflict');
      expect(codeOf(story.when({ type: 'Progress', attempt, percent: 1 }))).toBe('conflict');
    }
  });
});

describe('attempts', () => {
  it('come one at a time', () => {
    for (const story of [Story.given(submitted()).then(dispatch), running(), Story.given(submitted()).then(dispatch).then(unknown())]) {
      expect(codeOf(story.when(dispatch))).toBe('conflict');
    }
  });

  it('that fail may be followed by another, and keep what they cost', () => {
    const story = running().then(failAttempt(SUBMITTED_AT + 10_000));
    expect(story.state).toMatchObject({
      status: 'processing',
      failure: null,
      attempts: [{ status: 'failed', cost: USD, retryAt: SUBMITTED_AT + 10_000 }],
    });
    expect(liveAttempt(story.state)).toBeNull();
    story
      .then(dispatch)
      .then(accept(2))
      .then(complete({ attempt: 2 }));
    expect(story.state).toMatchObject({ status: 'completed', attempts: [{ status: 'failed' }, { status: 'succeeded' }] });
  });

  it('that fail for good end the task with their failure', () => {
    expect(running().when(failAttempt(null))).toMatchObject([{ type: 'TaskFailed', data: { attempt: 1, failure: FAILURE, cost: USD } }]);
  });

  it('are not retried when the retry could only begin after the deadline', () => {
    expect(types(running().when(failAttempt(DEADLINE_AT)))).toEqual(['TaskFailed']);
    expect(types(running().when(failAttempt(DEADLINE_AT - 1)))).toEqual(['TaskAttemptFailed']);
  });

  it('are not begun after the deadline', () => {
    const story = Story.given(submitted());
    expect(types(story.when(dispatch, DEADLINE_AT - 1))).toEqual(['TaskDispatched']);
    expect(codeOf(story.when(dispatch, DEADLINE_AT))).toBe('conflict');
  });

  it('belong to one job at the provider', () => {
    const story = running();
    expect(story.when(accept(1, 'job_1'))).toBe(UNCHANGED);
    expect(codeOf(story.when(accept(1, 'job_other')))).toBe('conflict');
  });

  it('that failed take no second verdict: the next one is live', () => {
    const story = running()
      .then(failAttempt(SUBMITTED_AT + 10_000))
      .then(dispatch);
    expect(story.when(complete())).toBe(UNCHANGED);
    expect(story.when(failAttempt(null))).toBe(UNCHANGED);
    expect(story.when(cancel())).toBe(UNCHANGED);
    expect(story.when(accept(1, 'job_1'))).toBe(UNCHANGED);
  });

  it('are left behind when the platform itself gives the task up', () => {
    const { state } = running().then(fail(null));
    expect(state).toMatchObject({ status: 'failed', attempts: [{ status: 'abandoned' }] });
  });
});

describe('the ending', () => {
  const endings: Array<[string, Story]> = [
    ['completed', running().then(complete())],
    ['failed', running().then(fail())],
    ['timed_out', running().then(timeOut, DEADLINE_AT)],
    ['cancelled', running().then(requestCancellation).then(cancel())],
    ['rejected', Story.given(rejected())],
  ];

  it.each(endings)('%s happens once: no command brings another', (status, story) => {
    expect(story.state.status).toBe(status);
    expect(isOver(story.state)).toBe(true);
    for (const command of everyCommand) {
      const brought = types(story.when(command, DEADLINE_AT + 10_000));
      expect(
        brought.filter((type) => ['TaskCompleted', 'TaskFailed', 'TaskTimedOut', 'TaskCancelled', 'TaskRejected'].includes(type)),
      ).toEqual([]);
    }
  });

  it.each(endings)('%s is not reached again by the command that reached it', (_status, story) => {
    const [ending] = [complete(), fail(), timeOut, cancel(), cancel(null)].map((command) => story.when(command, DEADLINE_AT + 10_000));
    if (story.state.status !== 'rejected' && story.state.status !== 'timed_out') expect(ending).toBe(UNCHANGED);
    expect(story.when(timeOut, DEADLINE_AT + 10_000)).toBe(UNCHANGED);
    expect(story.when(cancel(null), DEADLINE_AT + 10_000)).toBe(UNCHANGED);
  });
});

describe('cancelling', () => {
  it('is done at once where no attempt is live', () => {
    const story = Story.given(submitted());
    expect(types(story.when(requestCancellation))).toEqual(['TaskCancellationRequested', 'TaskCancelled']);
    expect(cancellationOutcome(story.then(requestCancellation).state)).toBe('done');
  });

  it('is a request where one is, and done when the provider confirms', () => {
    const story = running();
    expect(types(story.when(requestCancellation))).toEqual(['TaskCancellationRequested']);
    expect(cancellationOutcome(story.then(requestCancellation).state)).toBe('requested');
    expect(story.when(requestCancellation)).toBe(UNCHANGED);
    story.then(cancel());
    expect(story.state).toMatchObject({ status: 'cancelled', attempts: [{ status: 'cancelled', cost: USD }] });
    expect(cancellationOutcome(story.state)).toBe('done');
  });

  it('comes too late once the task is over, and changes nothing', () => {
    const story = running().then(complete());
    expect(story.when(requestCancellation)).toBe(UNCHANGED);
    expect(cancellationOutcome(story.state)).toBe('too_late');
  });

  it('comes too late for a request whose task was faster', () => {
    const story = running().then(requestCancellation).then(complete());
    expect(story.state.status).toBe('completed');
    expect(cancellationOutcome(story.state)).toBe('too_late');
  });

  it('stops a retry: when the attempt is gone, so is the task', () => {
    const story = running().then(requestCancellation);
    expect(types(story.when(failAttempt(SUBMITTED_AT + 10_000)))).toEqual(['TaskAttemptFailed', 'TaskCancelled']);
    expect(story.then(failAttempt(SUBMITTED_AT + 10_000)).state).toMatchObject({
      status: 'cancelled',
      attempts: [{ status: 'failed', cost: USD, retryAt: null }],
    });
  });

  it('by the provider alone is its failure, not the wish of the customer', () => {
    const { state } = running().then(cancel());
    expect(state).toMatchObject({ status: 'failed', failure: { code: 'provider_cancelled', blame: 'provider', retryable: true } });
  });
});

describe('the deadline', () => {
  it('times the task out when it has come, not a millisecond before', () => {
    const story = running();
    expect(story.when(timeOut, DEADLINE_AT - 1)).toBe(UNCHANGED);
    expect(story.when(timeOut, DEADLINE_AT)).toEqual([
      {
        type: 'TaskTimedOut',
        data: { attempt: 1, deadlineAt: toIso(DEADLINE_AT), policy: 'release_now', decidedAt: toIso(DEADLINE_AT) },
      },
    ]);
    expect(timesOutAt(story.state)).toBe(DEADLINE_AT);
  });

  it('times out a task that nobody ever dispatched', () => {
    expect(Story.given(submitted()).when(timeOut, DEADLINE_AT)).toMatchObject([{ type: 'TaskTimedOut', data: { attempt: null } }]);
  });

  it('decides, however late its wake-up is: what comes after it finds the task timed out', () => {
    expect(types(running().when(complete(), DEADLINE_AT))).toEqual(['TaskTimedOut', 'LateResultArrived']);
    expect(types(running().when(fail(), DEADLINE_AT))).toEqual(['TaskTimedOut', 'LateResultArrived']);
    expect(types(running().when(failAttempt(DEADLINE_AT - 1), DEADLINE_AT))).toEqual(['TaskTimedOut', 'LateResultArrived']);
    expect(types(running().when(fail(null), DEADLINE_AT))).toEqual(['TaskTimedOut']);
    expect(types(running().when(cancel(), DEADLINE_AT))).toEqual(['TaskTimedOut', 'LateResultArrived']);
    expect(types(running().when(cancel(null), DEADLINE_AT))).toEqual(['TaskTimedOut']);
    const story = running().then(requestCancellation, DEADLINE_AT);
    expect(story.state.status).toBe('timed_out');
    expect(cancellationOutcome(story.state)).toBe('too_late');
  });
});
