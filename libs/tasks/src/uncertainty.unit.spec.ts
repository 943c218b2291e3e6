// The uncertainty table of the domain, a row each: what we do when we do not know.
import { describe, expect, it } from '@jest/globals';
import { UNCHANGED } from '#libs/kernel';
import { hasOpenOffer, timesOutAt } from './task.decider.js';
import { NO_FIGURES, taskView } from './task.view.js';
import {
  accept,
  acceptLate,
  ASSET,
  cancel,
  codeOf,
  complete,
  DEADLINE_AT,
  dispatch,
  fail,
  failAttempt,
  HOLD_UNTIL,
  Story,
  submitted,
  SUBMITTED_AT,
  submittedToHold,
  timeOut,
  types,
  unknown,
  USD,
} from './testing/given.js';

const running = (): Story => Story.given(submitted()).then(dispatch).then(accept());
const isUncertain = (story: Story): boolean =>
  taskView(story.state, NO_FIGURES, { prompt: null, metadata: null }, { revision: 0, position: '' }).uncertain;

describe('connection refused or an explicit rejection', () => {
  it('created nothing: the attempt fails and another may follow', () => {
    const story = Story.given(submitted())
      .then(dispatch)
      .then(failAttempt(SUBMITTED_AT + 5_000));
    expect(types(story.when(dispatch))).toEqual(['TaskDispatched']);
  });
});

describe('a disconnect during submit', () => {
  const story = (): Story => Story.given(submitted()).then(dispatch).then(unknown());

  it('is unknown: still processing, shown as uncertain, and nobody tries again', () => {
    expect(story().state).toMatchObject({ status: 'processing', attempts: [{ status: 'submission_unknown' }] });
    expect(isUncertain(story())).toBe(true);
    expect(codeOf(story().when(dispatch))).toBe('conflict');
  });

  it('is certain again once the job is found under our own id', () => {
    const found = story().then(accept());
    expect(found.state.attempts).toMatchObject([{ status: 'running', providerJobId: 'job_1' }]);
    expect(isUncertain(found)).toBe(false);
  });

  it('may be retried once the provider says that it was never created', () => {
    expect(
      types(
        story()
          .then(failAttempt(SUBMITTED_AT + 5_000))
          .when(dispatch),
      ),
    ).toEqual(['TaskDispatched']);
  });

  it('is not uncertain for ever: the deadline ends it', () => {
    const over = story().then(timeOut, DEADLINE_AT);
    expect(over.state).toMatchObject({ status: 'timed_out', attempts: [{ status: 'abandoned' }] });
    expect(isUncertain(over)).toBe(false);
  });

  it('is said once, and not of what is known to run', () => {
    expect(story().when(unknown())).toBe(UNCHANGED);
    expect(running().when(unknown())).toBe(UNCHANGED);
  });
});

describe('a deadline without a verdict', () => {
  it('under release_now ends the task at once', () => {
    expect(types(running().when(timeOut, DEADLINE_AT))).toEqual(['TaskTimedOut']);
  });

  it('under hold_until_verdict ends nothing before the hold does', () => {
    const story = Story.given(submittedToHold()).then(dispatch).then(accept());
    expect(story.when(timeOut, DEADLINE_AT)).toBe(UNCHANGED);
    expect(story.when(timeOut, HOLD_UNTIL - 1)).toBe(UNCHANGED);
    expect(timesOutAt(story.state)).toBe(HOLD_UNTIL);
    expect(story.when(timeOut, HOLD_UNTIL)).toMatchObject([{ type: 'TaskTimedOut', data: { policy: 'hold_until_verdict' } }]);
  });

  it('under hold_until_verdict takes the verdict that comes in the meantime', () => {
    const story = Story.given(submittedToHold()).then(dispatch).then(accept());
    expect(types(story.when(complete(), HOLD_UNTIL - 1))).toEqual(['TaskCompleted']);
    expect(types(story.when(fail(), HOLD_UNTIL - 1))).toEqual(['TaskFailed']);
    expect(types(story.when(complete(), HOLD_UNTIL))).toEqual(['TaskTimedOut', 'LateResultArrived']);
  });

  it('under hold_until_verdict does not wait where nobody is left who could give one', () => {
    const story = Story.given(submittedToHold())
      .then(dispatch)
      .then(failAttempt(DEADLINE_AT - 1));
    expect(types(story.when(timeOut, DEADLINE_AT))).toEqual(['TaskTimedOut']);
    expect(codeOf(story.when(dispatch, DEADLINE_AT))).toBe('conflict');
  });

  it('under hold_until_verdict starts no other attempt after the deadline', () => {
    const story = Story.given(submittedToHold()).then(dispatch).then(accept());
    expect(types(story.when(failAttempt(HOLD_UNTIL - 1), DEADLINE_AT + 1))).toEqual(['TaskFailed']);
  });
});

describe('success after the refund', () => {
  const over = (): Story => running().then(timeOut, DEADLINE_AT);

  it('delivered free: the asset appears as late, the task stays timed out', () => {
    const story = over().then(complete());
    expect(story.state).toMatchObject({ status: 'timed_out', late: { policy: 'deliver_free', outcome: 'succeeded', accepted: false } });
    expect(story.state.assets).toEqual([{ ...ASSET, late: true }]);
    expect(story.state.attempts).toMatchObject([{ status: 'succeeded', cost: USD }]);
  });

  it('discarded: recorded with its cost, and nothing is shown', () => {
    const story = over().then(complete({ lateResultPolicy: 'discard' }));
    expect(story.facts.at(-1)).toMatchObject({ type: 'LateResultArrived', data: { policy: 'discard', assets: [], cost: USD } });
    expect(story.state.assets).toEqual([]);
  });

  it('offered: nothing is shown or charged until the customer takes it, at the quoted price', () => {
    const story = over().then(complete({ lateResultPolicy: 'offer' }));
    expect(story.state.assets).toEqual([]);
    expect(hasOpenOffer(story.state)).toBe(true);
    expect(story.when(acceptLate)).toMatchObject([{ type: 'LateResultAccepted', data: { reservationId: 'task_1.late', credits: 70 } }]);
    story.then(acceptLate);
    expect(story.state).toMatchObject({ status: 'timed_out', assets: [{ late: true }], late: { accepted: true } });
    expect(hasOpenOffer(story.state)).toBe(false);
    expect(story.when(acceptLate)).toBe(UNCHANGED);
  });

  it('offered in part costs the part, rounded in favour of the customer', () => {
    const story = over().then(complete({ lateResultPolicy: 'offer', deliveredFraction: '0.333333' }));
    expect(story.when(acceptLate)).toMatchObject([{ data: { credits: 23 } }]);
  });

  it('is never taken where it was not offered', () => {
    for (const story of [
      running(),
      over(),
      over().then(complete()),
      over().then(complete({ lateResultPolicy: 'discard' })),
      over().then(fail()),
    ]) {
      expect(codeOf(story.when(acceptLate))).toBe('conflict');
    }
  });

  it('is recorded once per attempt, however often it is reported', () => {
    const story = over().then(complete());
    expect(story.when(complete())).toBe(UNCHANGED);
    expect(story.when(fail())).toBe(UNCHANGED);
    expect(story.when(cancel())).toBe(UNCHANGED);
    expect(story.when(failAttempt(null))).toBe(UNCHANGED);
  });

  it('that turns out to be none is recorded with what it cost, and shows nothing', () => {
    const story = over().then(failAttempt(null));
    expect(story.facts.at(-1)).toMatchObject({
      type: 'LateResultArrived',
      data: { outcome: 'failed', assets: [], deliveredFraction: '0', cost: USD },
    });
    expect(story.state.late).toMatchObject({ outcome: 'failed' });
    expect(story.state.assets).toEqual([]);
  });

  it('can come from a job that the provider was found to have only after the ending', () => {
    const story = Story.given(submitted()).then(dispatch).then(unknown()).then(timeOut, DEADLINE_AT);
    expect(types(story.when(accept()))).toEqual(['TaskAccepted']);
    story.then(accept());
    expect(story.state).toMatchObject({ status: 'timed_out', attempts: [{ status: 'abandoned', providerJobId: 'job_1' }] });
    expect(types(story.when(complete()))).toEqual(['LateResultArrived']);
  });
});

describe('a provider that says nothing we know', () => {
  it('ends nothing: progress, unknown submissions and acceptance move no status to an ending', () => {
    const story = running();
    for (const command of [accept(), unknown(), { type: 'Progress', attempt: 1, percent: 100 } as const, timeOut]) story.then(command);
    expect(story.state.status).toBe('processing');
  });
});
