import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import type { StoredFact } from '#libs/event-store';
import type { Provider } from '#libs/providers';
import { liveTask, type LiveTask } from './live-task.js';
import { ProviderCalls } from './provider-calls.js';
import { ScriptedProvider } from './testing/scripted-provider.js';

function submission(taskId: string): StoredFact {
  const data = {
    taskId,
    accountId: 'acc_1',
    model: 'm',
    provider: 'v',
    parameters: {},
    prompt: null,
    deadlineAt: '2026-11-21T20:10:00.000Z',
  };
  return { id: 'evt_1', stream: `task-t1.${taskId}`, type: 'TaskSubmitted', tenant: 't1', data, sealed: null } as unknown as StoredFact;
}

const taskOf = (taskId: string): LiveTask => {
  const fact = submission(taskId);
  return liveTask('t1', 'acc_1', taskId, fact, fact, { timesOutAt: 0, isSettled: false, mayExist: false });
};

function callsTo(provider: Provider): ProviderCalls {
  return new ProviderCalls({
    providers: new Map([[provider.id, provider]]),
    store: { readStream: (stream) => Promise.resolve([submission(stream.slice('task-t1.'.length))]) },
    keys: {} as never,
    catalogue: { model: () => null },
    logger: pino({ level: 'silent' }),
    calls: new Counter({ name: 'calls', help: 'calls', labelNames: ['provider', 'call', 'answer'], registers: [new Registry()] }),
  });
}

describe('a submission that waited for its turn', () => {
  it('is not made by a process that lost the work meanwhile, and leaves its turn to the next', async () => {
    let answer: () => void = () => undefined;
    const vendor = new ScriptedProvider('v', { callsMax: 1 });
    vendor.submits = [
      () => new Promise((resolve) => (answer = () => resolve({ kind: 'accepted', providerJobId: 'j_1' }))),
      { kind: 'accepted', providerJobId: 'j_2' },
    ];
    const calls = callsTo(vendor);
    let isOwner = true;
    const first = calls.submit(vendor, taskOf('task_1'), 1, 'task_1.1', () => true);
    const second = calls.submit(vendor, taskOf('task_2'), 1, 'task_2.1', () => isOwner);
    const third = calls.submit(vendor, taskOf('task_3'), 1, 'task_3.1', () => true);
    while (vendor.jobs.length === 0) await new Promise((resolve) => setImmediate(resolve));
    isOwner = false;
    answer();
    await first;
    await expect(second).rejects.toThrow('task_2');
    expect(await third).toEqual({ kind: 'accepted', providerJobId: 'j_2' });
    expect(vendor.jobs.map((job) => job.taskId)).toEqual(['task_1', 'task_3']);
  });
});

describe('calls to one vendor', () => {
  it('are never more at once than allowed, in whichever moment others come', async () => {
    const vendor = new ScriptedProvider('v', { callsMax: 1 });
    const asked: Array<Promise<unknown>> = [];
    const ask = (): unknown => asked.push(calls.report(vendor, 'j_1'));
    // One in each of the steps in which the place of the first goes to the next.
    const askForAWhile = async (): Promise<void> => {
      for (let step = 0; step < 20; step += 1) await Promise.resolve(ask());
    };
    let [made, atOnce, most] = [0, 0, 0];
    vendor.reports = [
      async () => {
        most = Math.max(most, (atOnce += 1));
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        if ((made += 1) === 1) void askForAWhile();
        return { kind: 'running', percent: null };
      },
    ];
    const calls = callsTo(vendor);
    ask();
    ask();
    while (made < 22) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(asked);
    expect(most).toBe(1);
  });
});
