import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DueHeap } from './due-heap.js';
import { FairSlots } from './fair-slots.js';
import { liveTask } from './live-task.js';
import { PendingRows } from './pending-rows.js';

describe('the heap of dues', () => {
  it('gives back what is due in order of its instants, and nothing that is not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000 })), fc.integer({ min: 0, max: 1_000 }), (instants, now) => {
        const heap = new DueHeap<number>();
        for (const at of instants) heap.push(at, at);
        heap.keepOnly((at) => at % 3 !== 0);
        const popped: number[] = [];
        for (let slot = heap.pop(now); slot !== null; slot = heap.pop(now)) popped.push(slot.item);
        expect(popped).toEqual(instants.filter((at) => at <= now && at % 3 !== 0).sort((a, b) => a - b));
      }),
    );
  });
});

describe('the places for submissions', () => {
  it('are never more than allowed, and go round the accounts in order', () => {
    const started: string[] = [];
    const slots = new FairSlots<string>(2, (item) => started.push(item));
    for (const item of ['a1', 'a2', 'a3', 'a4']) slots.enter('a', 1, item);
    slots.enter('b', 1, 'b1');
    slots.enter('c', 1, 'c1');
    expect(started).toEqual(['a1', 'a2']);
    for (let turn = 0; turn < 4; turn += 1) slots.leave();
    expect(started.slice(2).sort()).toEqual(['a3', 'a4', 'b1', 'c1']);
    expect(started.slice(2, 5)).toEqual(expect.arrayContaining(['b1', 'c1']));
    expect(slots.waiting).toBe(0);
  });

  it('are given to everybody in the end, in the order of each account', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 })), fc.integer({ min: 1, max: 5 }), (accounts, slotsMax) => {
        const started: Array<{ account: number; index: number }> = [];
        const slots = new FairSlots<{ account: number; index: number }>(slotsMax, (item) => started.push(item));
        accounts.forEach((account, index) => slots.enter(String(account), 1, { account, index }));
        for (let left = 0; left < started.length; left += 1) slots.leave();
        expect(started).toHaveLength(accounts.length);
        for (const account of new Set(accounts)) {
          const indexes = started.filter((item) => item.account === account).map((item) => item.index);
          expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
        }
      }),
    );
  });
});

describe('pending rows', () => {
  const fact = { id: 'evt_1', correlationId: 'c', sealed: null, data: {} } as unknown as Parameters<typeof liveTask>[3];
  const task = (id: string) => liveTask('acme', 'acc_1', id, fact, fact, { timesOutAt: 9, isSettled: false, mayExist: false });

  it('never write a task that began and ended in between, and delete one that may have been written', () => {
    const rows = new PendingRows();
    const [brief, long] = [task('brief'), task('long')];
    rows.put(brief, 1, false);
    rows.put(long, 1, false);
    rows.remove('brief', brief.row.mayExist);
    expect(rows.take()).toMatchObject({ upserts: [{ taskId: 'long' }], deletions: [] });
    rows.remove('long', long.row.mayExist);
    rows.written();
    expect(rows.take()).toMatchObject({ upserts: [], deletions: ['long'] });
  });

  it('keep what a failed write carried, unless something newer is known', () => {
    const rows = new PendingRows();
    rows.put(task('a'), 1, false);
    rows.put(task('b'), 1, false);
    rows.lower('acme', 'acc_1', 50);
    rows.book('acme', 'acc_2', 70);
    rows.take();
    rows.put(task('a'), 2, true);
    rows.remove('b', true);
    rows.lower('acme', 'acc_2', 60);
    rows.failed();
    const { upserts, deletions, lowered, booked } = rows.take();
    expect(upserts).toMatchObject([{ taskId: 'a', dueAt: 2, isParked: true }]);
    expect(deletions).toEqual(['b']);
    expect(lowered).toEqual([{ tenant: 'acme', accountId: 'acc_1', dueAt: 50 }]);
    expect(booked).toEqual([{ tenant: 'acme', accountId: 'acc_2', dueAt: 60 }]);
  });

  it('take the earlier of what facts say, and what the account says over both', () => {
    const rows = new PendingRows();
    rows.lower('acme', 'acc_1', 50);
    rows.lower('acme', 'acc_1', 40);
    rows.lower('acme', 'acc_1', 60);
    rows.lower('acme', 'acc_2', 10);
    rows.book('acme', 'acc_2', null);
    expect(rows.take()).toMatchObject({ lowered: [{ accountId: 'acc_1', dueAt: 40 }], booked: [{ accountId: 'acc_2', dueAt: null }] });
  });
});
