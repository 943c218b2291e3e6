// An attempt that was given up without a verdict: the task goes on without it, and what it may still bring is a late result.
import { describe, expect, it } from '@jest/globals';
import { UNCHANGED } from '#libs/kernel';
import { hasOpenOffer } from './task.decider.js';
import {
  accept,
  acceptLate,
  ASSET,
  codeOf,
  complete,
  DEADLINE_AT,
  dispatch,
  fail,
  lose,
  requestCancellation,
  Story,
  submitted,
  SUBMITTED_AT,
  timeOut,
  types,
  USD,
} from './testing/given.js';

const RETRY_AT = SUBMITTED_AT + 5_000;
const running = (): Story => Story.given(submitted()).then(dispatch).then(accept());
const retried = (): Story => running().then(lose(RETRY_AT)).then(dispatch).then(accept(2));
const lateAsset = { ...ASSET, late: true };

describe('an attempt given up as lost', () => {
  it('lets another follow, and may still bring a verdict', () => {
    expect(retried().state.attempts).toMatchObject([{ status: 'abandoned' }, { status: 'running' }]);
  });

  it('is given up once, however often it is said', () => {
    expect(running().then(lose(RETRY_AT)).when(lose(RETRY_AT))).toBe(UNCHANGED);
    expect(running().then(lose(null)).when(lose(null))).toBe(UNCHANGED);
    expect(running().then(complete()).when(lose(RETRY_AT))).toBe(UNCHANGED);
    expect(running().then(timeOut, DEADLINE_AT).when(lose(RETRY_AT))).toBe(UNCHANGED);
  });

  it('without another to follow fails the task, and its success is a late result then', () => {
    const story = running().then(lose(null));
    expect(story.state).toMatchObject({ status: 'failed', failure: { code: 'worker_lost' }, attempts: [{ status: 'abandoned' }] });
    expect(types(story.when(complete()))).toEqual(['LateResultArrived']);
    expect(story.then(complete()).state.assets).toEqual([lateAsset]);
  });

  it('that is said once the deadline has passed is the time-out', () => {
    expect(types(running().when(lose(RETRY_AT), DEADLINE_AT))).toEqual(['TaskTimedOut']);
  });

  it('ends a task whose customer asked to stop it', () => {
    const story = running().then(requestCancellation).then(lose(RETRY_AT));
    expect(story.state).toMatchObject({ status: 'cancelled', attempts: [{ status: 'abandoned' }] });
    expect(types(story.when(complete()))).toEqual(['LateResultArrived']);
  });
});

describe('its verdict, while another attempt runs', () => {
  it('is a late result and never the ending, once', () => {
    const story = retried();
    expect(types(story.when(complete()))).toEqual(['LateResultArrived']);
    expect(types(story.when(fail()))).toEqual(['LateResultArrived']);
    story.then(complete());
    expect(story.state).toMatchObject({ status: 'processing', attempts: [{ status: 'succeeded', cost: USD }, { status: 'running' }] });
    expect(story.when(complete())).toBe(UNCHANGED);
    expect(story.when(fail())).toBe(UNCHANGED);
  });

  it('that comes after the deadline first books the time-out', () => {
    expect(types(retried().when(complete(), DEADLINE_AT))).toEqual(['TaskTimedOut', 'LateResultArrived']);
  });

  it('is not needed where the other one delivers', () => {
    const story = retried()
      .then(complete({ lateResultPolicy: 'offer' }))
      .then(complete({ attempt: 2 }));
    expect(story.state).toMatchObject({ status: 'completed', assets: [{ ...ASSET, late: false }] });
    expect(hasOpenOffer(story.state)).toBe(false);
    expect(codeOf(story.when(acceptLate))).toBe('conflict');
  });

  it('is handed over, or offered, where the other one does not deliver', () => {
    const free = retried().then(complete());
    expect(free.state.assets).toEqual([]);
    expect(free.then(fail(2)).state.assets).toEqual([lateAsset]);
    const offered = retried().then(complete({ lateResultPolicy: 'offer' }));
    expect(hasOpenOffer(offered.state)).toBe(false);
    expect(hasOpenOffer(offered.then(fail(2)).state)).toBe(true);
  });

  it('that is a failure takes no offered success away', () => {
    const story = running()
      .then(lose(RETRY_AT))
      .then(dispatch)
      .then(accept(2))
      .then(lose(null, 2))
      .then(complete({ lateResultPolicy: 'offer' }))
      .then(fail(2));
    expect(story.facts.map((fact) => fact.type).slice(-2)).toEqual(['LateResultArrived', 'LateResultArrived']);
    expect(hasOpenOffer(story.state)).toBe(true);
  });
});
