// What a task without a price says of its settlement: nothing moved, so the kind of fact that ended it is all there is to tell.
import { describe, expect, it } from '@jest/globals';
import type { TaskState } from '#libs/tasks';
import { figuresFromHold } from './task-ledger.js';

const TASK = { taskId: 'task_1', credits: 0 } as TaskState;
const ENDING = { taskId: 'task_1', decidedAt: '2026-01-15T12:00:00.000Z', returned: [], reissued: [], providerCost: [] };

describe('a task that cost nothing', () => {
  it.each([
    ['refunded', [{ type: 'CreditsRefunded', data: { ...ENDING, kind: 'hold', credits: 0 } }]],
    ['consumed', [{ type: 'CreditsConsumed', data: { ...ENDING, held: 0, consumed: 0, parts: [] } }]],
    ['open', []],
  ])('is %s by the fact that ended it', (settlement, facts) => {
    expect(figuresFromHold(TASK, facts)).toEqual({ held: 0, consumed: 0, refunded: 0, settlement });
  });
});
