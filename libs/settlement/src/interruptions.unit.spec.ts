// What holds where a store does not write a hold and its task as one: every hold has a task or is given back, whoever dies where.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable, POSITION_START, tenantStream, type StoredFact } from '#libs/event-store';
import { InterruptionWatch, WATCHED_TYPES } from './interruption-watch.js';
import { House, request, TENANT, wish, type HouseProcess } from './testing/house.js';
import { die, TornEventStore, type Torn } from './testing/torn-store.js';

let house: House;
let app: HouseProcess;
let other: HouseProcess;
const storeOf = (process: HouseProcess): TornEventStore => process.store as TornEventStore;

beforeEach(async () => {
  const torn: Torn = new Map();
  house = await House.open({ storeOf: ({ clock, log }) => new TornEventStore(clock, log, torn) });
  app = await house.process();
  other = await house.process();
  await app.account('acc_1');
});

const submit = (process: HouseProcess, key?: string, input = wish()) =>
  process.submissions.submit(request(input, key === undefined ? {} : { key }), input);
async function reserved(): Promise<StoredFact> {
  const facts = await app.facts({ type: 'CreditsReserved' });
  return facts.at(-1) as StoredFact;
}
const taskOf = ({ data }: StoredFact, at = 0): string => (data['reservations'] as Array<{ taskId: string }>)[at]!.taskId;

/** Dies between the hold and the task. */
async function interrupted(key?: string): Promise<StoredFact> {
  storeOf(app).between = die;
  await expect(submit(app, key)).rejects.toThrow(EventStoreUnavailable);
  storeOf(app).between = () => Promise.resolve();
  return reserved();
}

async function expectFailedAndFree(taskId: string): Promise<void> {
  const facts = await app.facts({ stream: tenantStream('task', TENANT, taskId) });
  expect(facts.map(({ type }) => type)).toEqual(['TaskSubmitted', 'TaskFailed']);
  expect(facts[1]!.data).toMatchObject({ failure: { code: 'submission_interrupted', blame: 'platform', retryable: true } });
  expect(await other.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
  expect(await app.facts({ type: 'CreditsRefunded' })).toHaveLength(1);
}

describe('a crash between the hold and the task', () => {
  it('leaves a hold, which a healer fails and gives back', async () => {
    const hold = await interrupted();
    expect(await other.figures('acc_1')).toEqual({ available: 1_930, held: 70, open: 1 });
    await other.interruptions.heal(hold);
    await expectFailedAndFree(taskOf(hold));
    expect(await other.taskState(taskOf(hold))).toMatchObject({ status: 'failed', credits: 70, provider: 'simulator', model: 'basic' });
  });

  it('is healed once, however often and by how many', async () => {
    const hold = await interrupted();
    await Promise.all([other.interruptions.heal(hold), app.interruptions.heal(hold), other.interruptions.heal(hold)]);
    await app.interruptions.heal(hold);
    await expectFailedAndFree(taskOf(hold));
  });

  it('of the healer itself, between the failure and the refund, is healed by the next one', async () => {
    const hold = await interrupted();
    const { settlements } = app.interruptions['parts'] as { settlements: { settleFromLog: unknown } };
    const settle = settlements.settleFromLog;
    settlements.settleFromLog = die;
    await expect(app.interruptions.heal(hold)).rejects.toThrow('the process ended here');
    settlements.settleFromLog = settle;
    expect((await other.figures('acc_1')).held).toBe(70);
    await other.interruptions.heal(hold);
    await expectFailedAndFree(taskOf(hold));
  });

  it('answers the same key with the failed task, for good', async () => {
    const hold = await interrupted('k');
    await other.interruptions.heal(hold);
    const first = await submit(other, 'k');
    expect(first).toMatchObject({
      ok: true,
      replayed: true,
      view: {
        id: taskOf(hold),
        status: 'failed',
        settlement: 'refunded',
        credits: { quoted: 70, held: 0, consumed: 0, refunded: 70 },
        failure: { code: 'submission_interrupted', retryable: true },
      },
    });
    expect(await submit(app, 'k')).toEqual(first);
    expect(await submit(app, 'k', wish({ model: 'sized' }))).toMatchObject({ ok: false, code: 'idempotency_key_reused' });
    await expectFailedAndFree(taskOf(hold));
  });

  it('makes the same key come again as long as nobody knows whether the submission is alive', async () => {
    await interrupted('k');
    await expect(submit(other, 'k')).rejects.toThrow(EventStoreUnavailable);
    expect(await app.facts({ type: 'CreditsReserved' })).toHaveLength(1);
    expect(await app.facts({ type: 'TaskSubmitted' })).toHaveLength(0);
  });
});

describe('a submission that comes late', () => {
  it.each([undefined, 'k'])('answers the task that a healer failed meanwhile (key %s)', async (key) => {
    storeOf(app).between = async () => other.interruptions.heal(await reserved());
    const answer = await submit(app, key);
    expect(answer).toMatchObject({ ok: true, view: { status: 'failed', settlement: 'refunded' } });
    await expectFailedAndFree(taskOf(await reserved()));
  });

  it('is not failed by a healer that looks after it', async () => {
    const answer = await submit(app);
    expect(answer.ok).toBe(true);
    await other.interruptions.heal(await reserved());
    expect(await other.figures('acc_1')).toEqual({ available: 1_930, held: 70, open: 1 });
    expect(await app.facts({ type: 'TaskFailed' })).toHaveLength(0);
  });
});

describe('a batch of all or none', () => {
  it('keeps what was opened and gives back what was not', async () => {
    const tasks = [wish(), wish(), wish()];
    storeOf(app).between = async ({ appends }) => {
      const [, first] = appends;
      // One task was opened before the end.
      await other.store.append({ meta: { ...meta(await reserved()) }, appends: [first!] });
      return die();
    };
    const body = { tasks: tasks as object[], atomic: true };
    await expect(app.batches.submit(request(body, { key: 'b' }), tasks, true)).rejects.toThrow(EventStoreUnavailable);
    storeOf(app).between = () => Promise.resolve();
    await other.interruptions.heal(await reserved());
    expect(await other.figures('acc_1')).toEqual({ available: 1_930, held: 70, open: 1 });
    const answer = await other.batches.submit(request(body, { key: 'b' }), tasks, true);
    expect(answer).toMatchObject({
      ok: true,
      view: { results: [{ task: { status: 'pending' } }, { task: { status: 'failed' } }, { task: { status: 'failed' } }] },
    });
    expect(await app.batches.submit(request(body, { key: 'b' }), tasks, true)).toEqual(answer);
  });
});

function meta(fact: StoredFact) {
  const commandId = fact.id.slice(4, -4);
  return { commandId, tenant: TENANT, actor: 'key_1', correlationId: 'req_1', causationId: null, requestHash: null };
}

describe('a cancellation of what has not begun', () => {
  it('ends the task before it gives anything back, and the orchestrator makes a crash in between good', async () => {
    const answer = await submit(app);
    if (!answer.ok) throw new Error(answer.detail);
    const { id } = answer.view;
    const cancelled = await app.cancellations.cancel(request({}, { key: 'c', path: '/cancel' }), id, null);
    expect(cancelled).toMatchObject({ ok: true, view: { outcome: 'done', task: { settlement: 'refunded', credits: { refunded: 70 } } } });
    const order = (await app.facts()).map(({ type }) => type).filter((type) => ['TaskCancelled', 'CreditsRefunded'].includes(type));
    expect(order).toEqual(['TaskCancelled', 'CreditsRefunded']);
    expect(await other.cancellations.cancel(request({}, { key: 'c', path: '/cancel' }), id, null)).toEqual({
      ...cancelled,
      replayed: true,
    });
    expect(await other.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
  });

  it('gives nothing back where the task was dispatched in the same moment', async () => {
    const answer = await submit(app);
    if (!answer.ok) throw new Error(answer.detail);
    const { id } = answer.view;
    const stream = tenantStream('task', TENANT, id);
    const append = app.store.append.bind(app.store);
    app.store.append = async (command) => {
      app.store.append = append;
      await other.start(id);
      return append(command);
    };
    const cancelled = await app.cancellations.cancel(request({}), id, null);
    expect(cancelled).toMatchObject({ ok: true, view: { outcome: 'requested' } });
    expect((await app.facts({ stream })).map(({ type }) => type)).toContain('TaskCancellationRequested');
    expect((await other.figures('acc_1')).held).toBe(70);
  });
});

describe('the watch', () => {
  async function watched(graceMs: number) {
    const healed: string[] = [];
    const saved: string[] = [];
    const watch = new InterruptionWatch(
      {
        store: other.store,
        heal: async (hold) => {
          healed.push(taskOf(hold));
          await other.interruptions.heal(hold);
        },
        save: async (position) => void saved.push(position),
        onError: () => undefined,
        graceMs,
      },
      POSITION_START,
    );
    const page = await other.store.readAll({ after: POSITION_START, limit: 1_000, types: [...WATCHED_TYPES] });
    watch.see(page);
    await watch.look();
    return { healed, saved, page };
  }

  it('heals the holds whose task did not come, and no other', async () => {
    await submit(app);
    const hold = await interrupted();
    const { healed, saved, page } = await watched(0);
    expect(healed).toEqual([taskOf(hold)]);
    expect(saved).toEqual([page.position]);
  });

  it('waits its time, and keeps its checkpoint before the hold that waits', async () => {
    const hold = await interrupted();
    const { healed, saved } = await watched(60_000);
    expect(healed).toEqual([]);
    expect(saved.every((position) => position < hold.position)).toBe(true);
  });
});
