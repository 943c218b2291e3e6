// What the orchestrator makes of the answers that only a fleet gives: lost, given back, to be run again, withdrawn, closed until further notice.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobReport } from '#libs/providers';
import { ScriptedProvider } from '../testing/scripted-provider.js';
import { until, World } from '../testing/test-world.js';

const SUCCESS: JobReport = {
  kind: 'succeeded',
  assets: [{ url: 'https://fleet.example/1.mp4', mediaType: 'video/mp4', durationSeconds: '5' }],
  deliveredFraction: '1',
  actualDurationSeconds: '5',
  cost: null,
};
const COST = { currency: 'EUR', amountMinor: 9 };
const LOST: JobReport = { kind: 'lost', detail: 'worker a was not heard of', mayRunAgain: true };
const FAILED: JobReport = {
  kind: 'failed',
  code: 'oom',
  detail: 'no memory',
  blame: 'provider',
  retryable: true,
  cost: COST,
  mayRunAgain: true,
};

const vendors = {
  losing: new ScriptedProvider('losing'),
  unforgiving: new ScriptedProvider('unforgiving'),
  hopeless: new ScriptedProvider('hopeless'),
  failing: new ScriptedProvider('failing'),
  returning: new ScriptedProvider('returning'),
  idle: new ScriptedProvider('idle'),
  closed: new ScriptedProvider('closed'),
};
let world: World;
beforeAll(async () => {
  world = await World.open(Object.values(vendors));
  await world.orchestrator();
});
afterAll(() => world.close());

let accounts = 0;
const start = async (vendor: ScriptedProvider, deadlineMs?: number): Promise<string> => {
  const account = `acc_${++accounts}`;
  await world.account(account);
  return world.submit(account, null, { model: `on-${vendor.id}`, deadlineMs });
};
const settledBy = (id: string, type: string): Promise<void> =>
  until(`${id} to be settled by ${type}`, async () => (await world.money(id)).includes(type));
const dispatches = async (id: string): Promise<number> => (await world.story(id)).filter((type) => type === 'TaskDispatched').length;

describe('a provider on its own terms', () => {
  it('that lost a job is given it again, as an attempt of its own, and the customer is charged once', async () => {
    vendors.losing.reports = [LOST, SUCCESS];
    const id = await start(vendors.losing);
    await settledBy(id, 'CreditsConsumed');
    expect((await world.state(id)).attempts).toMatchObject([{ status: 'abandoned' }, { status: 'succeeded' }]);
    expect(await world.money(id)).toEqual(['CreditsConsumed']);
  });

  it('that loses every job has it as often as any job is tried, and then the customer is not charged', async () => {
    vendors.hopeless.reports = [LOST];
    const id = await start(vendors.hopeless);
    await settledBy(id, 'CreditsRefunded');
    expect(await dispatches(id)).toBe(3);
    expect((await world.state(id)).failure).toMatchObject({ code: 'worker_lost' });
  });

  it('whose lost work must not be done twice is settled at once, and may still bring it', async () => {
    vendors.unforgiving.reports = [{ ...LOST, mayRunAgain: false }, SUCCESS];
    const id = await start(vendors.unforgiving);
    await settledBy(id, 'CreditsRefunded');
    expect(await dispatches(id)).toBe(1);
    await until('its late result', async () => (await world.story(id)).includes('LateResultArrived'));
    expect((await world.state(id)).assets).toMatchObject([{ late: true }]);
  });

  it('that failed is tried again, and what both attempts cost is booked', async () => {
    vendors.failing.reports = [FAILED, { ...SUCCESS, cost: COST }];
    const id = await start(vendors.failing);
    await settledBy(id, 'CreditsConsumed');
    expect((await world.state(id)).attempts).toMatchObject([
      { status: 'failed', cost: COST },
      { status: 'succeeded', cost: COST },
    ]);
  });

  it('that gives a job back gets it again as the same attempt', async () => {
    vendors.returning.reports = [{ kind: 'returned' }, SUCCESS];
    const id = await start(vendors.returning);
    await settledBy(id, 'CreditsConsumed');
    expect(vendors.returning.jobs.map((job) => job.clientJobId)).toEqual([`${id}.1`, `${id}.1`]);
    expect(await dispatches(id)).toBe(1);
  });

  it('at which nobody has begun is done with it when the customer cancels', async () => {
    vendors.idle.cancels = [{ kind: 'withdrawn' }];
    const id = await start(vendors.idle);
    await until('it to be accepted', async () => (await world.story(id)).includes('TaskAccepted'));
    await world.task(id, { type: 'RequestCancellation', reason: null });
    await settledBy(id, 'CreditsRefunded');
    expect(await world.state(id)).toMatchObject({ status: 'cancelled', attempts: [{ status: 'abandoned' }] });
  });

  it('that cannot be reached by anybody is tried until the deadline, not three times', async () => {
    vendors.closed.submits = [
      ...Array.from({ length: 5 }, () => ({ kind: 'not_sent', detail: 'away', untilDeadline: true }) as const),
      { kind: 'accepted', providerJobId: 'c_1' },
    ];
    vendors.closed.reports = [SUCCESS];
    const id = await start(vendors.closed);
    await settledBy(id, 'CreditsConsumed');
    expect(await dispatches(id)).toBe(6);
  });
});
