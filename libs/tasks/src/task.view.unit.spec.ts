// Shows that a task is rendered in the shape of api.md, whatever became of it.
import { describe, expect, it } from '@jest/globals';
import { heldFigures, NO_FIGURES, rejectedTaskView, settlementOf, submittedTaskView, taskView, type TaskTexts } from './task.view.js';
import {
  accept,
  ASSET,
  BRIEF,
  complete,
  DEADLINE_AT,
  dispatch,
  FAILURE,
  fail,
  rejected,
  Story,
  submitted,
  timeOut,
  USD,
} from './testing/given.js';

const texts: TaskTexts = { prompt: 'a fox in the snow', metadata: { scene: '4' } };
const place = { revision: 3, position: '0000000000000042' };

describe('a task as clients see it', () => {
  it('just submitted has everything held and nothing settled', () => {
    const { state } = Story.given(submitted({ userId: 'u1', quoteId: 'quote_1', parameters: { durationSeconds: '7.5' } }));
    expect(submittedTaskView(state, texts, place)).toEqual({
      id: 'task_1',
      accountId: 'acc_1',
      userId: 'u1',
      model: 'kling-ai-5s',
      status: 'pending',
      uncertain: false,
      progress: null,
      credits: { quoted: 70, held: 70, consumed: 0, refunded: 0 },
      settlement: 'open',
      attempts: [],
      assets: [],
      failure: null,
      lateResult: null,
      prompt: 'a fox in the snow',
      briefId: null,
      promptVersionId: null,
      briefRevision: null,
      variables: null,
      parameters: { durationSeconds: '7.5' },
      metadata: { scene: '4' },
      quoteId: 'quote_1',
      priceVersion: 'kling-ai-5s@1',
      deadlineAt: '2026-11-21T12:10:00.000Z',
      createdAt: '2026-11-21T12:00:00.000Z',
      updatedAt: '2026-11-21T12:00:00.000Z',
      revision: 3,
      position: '0000000000000042',
      urls: {
        self: '/v1/tasks/task_1',
        events: '/v1/tasks/task_1/events',
        receipt: '/v1/tasks/task_1/receipt',
        cancel: '/v1/tasks/task_1/cancel',
      },
    });
  });

  it('made for a brief names it, its revision, and what its prompt was rendered from', () => {
    const { state } = Story.given(submitted({ brief: BRIEF }));
    expect(submittedTaskView(state, { ...texts, variables: { mood: 'calm' } }, place)).toMatchObject({
      briefId: 'brief_1',
      briefRevision: 3,
      promptVersionId: 'prompt_1@v2',
      prompt: 'a fox in the snow',
      variables: { mood: 'calm' },
    });
  });

  it('rejected held and cost nothing, and says why', () => {
    const view = rejectedTaskView(Story.given(rejected()).state, texts, place);
    expect(view).toMatchObject({
      status: 'rejected',
      credits: { quoted: 0, held: 0, consumed: 0, refunded: 0 },
      settlement: 'none',
      deadlineAt: null,
      failure: { code: 'insufficient_credits', blame: 'customer', retryable: false },
    });
  });

  it('completed shows what came of it and what each attempt cost', () => {
    const { state } = Story.given(submitted()).then(dispatch).then(accept()).then(complete());
    const view = taskView(state, { held: 0, consumed: 70, refunded: 0, settlement: 'consumed' }, texts, place);
    expect(view).toMatchObject({ status: 'completed', progress: 100, settlement: 'consumed', assets: [{ ...ASSET, late: false }] });
    expect(view.attempts).toEqual([{ number: 1, provider: 'simulator', status: 'succeeded', providerJobId: 'job_1', cost: USD }]);
    expect(view.updatedAt).toBe('2026-11-21T12:00:03.000Z');
  });

  it('failed shows the failure and whose it was', () => {
    const { state } = Story.given(submitted()).then(dispatch).then(fail());
    expect(taskView(state, { held: 0, consumed: 0, refunded: 70, settlement: 'refunded' }, texts, place).failure).toEqual(FAILURE);
  });

  it('timed out with a late result stays timed out and marks its asset', () => {
    const { state } = Story.given(submitted()).then(dispatch).then(accept()).then(timeOut, DEADLINE_AT).then(complete());
    expect(taskView(state, NO_FIGURES, texts, place)).toMatchObject({
      status: 'timed_out',
      assets: [{ late: true }],
      lateResult: { policy: 'deliver_free', outcome: 'succeeded', accepted: false },
    });
  });

  it('is the same for the same facts, and does not share what it shows with the state', () => {
    const { state } = Story.given(submitted()).then(dispatch).then(accept());
    const view = taskView(state, heldFigures(70), texts, place);
    expect(taskView(state, heldFigures(70), texts, place)).toEqual(view);
    const attempt = view.attempts[0];
    if (attempt !== undefined) attempt.status = 'changed';
    expect(state.attempts[0]?.status).toBe('running');
  });
});

describe('the settlement', () => {
  it('follows from the ledger alone', () => {
    expect(settlementOf(null)).toBe('none');
    expect(settlementOf({ isOpen: true, consumed: 0, refunded: 0 })).toBe('open');
    expect(settlementOf({ isOpen: false, consumed: 70, refunded: 0 })).toBe('consumed');
    expect(settlementOf({ isOpen: false, consumed: 0, refunded: 70 })).toBe('refunded');
    expect(settlementOf({ isOpen: false, consumed: 35, refunded: 35 })).toBe('partial');
    expect(settlementOf({ isOpen: false, consumed: 0, refunded: 0, endedBy: 'consumed' })).toBe('consumed');
    expect(settlementOf({ isOpen: false, consumed: 0, refunded: 0, endedBy: 'refunded' })).toBe('refunded');
  });
});
