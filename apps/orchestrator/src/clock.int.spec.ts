import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DueRows, OrchestratorStatus, TestClock } from '#libs/reactions';
import { until, World } from './testing/test-world.js';

const DAY = 86_400_000;
let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());

/** As in a process that is not the orchestrator. */
const testClock = (timeoutMs = 120_000): TestClock => {
  const { clock, store } = world.api;
  return new TestClock({ clock, store, rows: new DueRows(world.database.pool), waitFor: () => Promise.resolve(true), timeoutMs });
};
const now = (): number => world.api.clock.now();
const types = async (accountId: string): Promise<string[]> =>
  (await world.facts()).filter((fact) => fact.stream === `account-acme.${accountId}`).map((fact) => fact.type);

describe('the test clock', () => {
  it('is not ready where nobody is the orchestrator, and says what is due', async () => {
    await world.account('acc_waiting');
    await world.ledger('acc_waiting', {
      type: 'GrantCredits',
      bucket: 'promotional',
      credits: 10,
      expiresAt: now() + 3_600_000,
      reference: null,
      costBasis: null,
    });
    expect(await testClock(100).set(now() + 3_601_000)).toMatchObject({ refused: true, code: 'not_ready' });
  });

  it('refuses to go back', async () => {
    expect(await testClock().set(now() - 1_000)).toMatchObject({ refused: true, code: 'conflict' });
  });

  it('answers once every lapse, reset and deadline that is now due is booked and settled', async () => {
    await world.orchestrator();
    const start = now();
    await world.account('acc_1');
    const grant = (expiresAt: number, credits: number): Promise<void> =>
      world.ledger('acc_1', { type: 'GrantCredits', bucket: 'promotional', credits, expiresAt, reference: null, costBasis: null });
    await grant(start + 3 * DAY, 30);
    await grant(start + 40 * DAY, 40);
    const hung = await world.submit('acc_1', { outcome: 'hang' });
    await until('the job to run', async () => (await world.story(hung)).includes('TaskAccepted'));

    const lapse = await testClock().set(start + 4 * DAY);
    expect(lapse).toMatchObject({ ok: true });
    expect(await types('acc_1')).toEqual([
      'AccountOpened',
      'CreditsGranted',
      'CreditsGranted',
      'CreditsGranted',
      'CreditsReserved',
      'CreditsExpired',
      'CreditsRefunded',
    ]);
    expect((await world.state(hung)).status).toBe('timed_out');
    expect(await world.money(hung)).toEqual(['CreditsRefunded']);
    expect(await world.figures('acc_1')).toEqual({ available: 2_040, held: 0, open: 0 });

    const months = await testClock().set(start + 70 * DAY);
    expect(months).toMatchObject({ ok: true });
    expect((await types('acc_1')).slice(-3)).toEqual(['CycleReset', 'CreditsExpired', 'CycleReset']);
    expect(await world.figures('acc_1')).toEqual({ available: 2_000, held: 0, open: 0 });
    expect(Number.isFinite(Date.parse((months as { now: string }).now))).toBe(true);
  });

  it('books the dues of many accounts at once', async () => {
    const ids = Array.from({ length: 150 }, (_, index) => `acc_m${index}`);
    await Promise.all(ids.map((id) => world.account(id)));
    expect(await testClock().set(now() + 32 * DAY)).toMatchObject({ ok: true });
    const resets = await world.facts({ types: ['CycleReset'] });
    for (const id of ids) expect(resets.filter((fact) => fact.stream === `account-acme.${id}`)).toHaveLength(1);
  });

  it('books a lapse at its instant without being asked', async () => {
    await world.account('acc_soon');
    // Long enough to be granted before, on a machine that stands still for a while.
    const expiresAt = now() + 5_000;
    await world.ledger('acc_soon', {
      type: 'GrantCredits',
      bucket: 'promotional',
      credits: 5,
      expiresAt,
      reference: null,
      costBasis: null,
    });
    await until('the lapse to be booked', async () => (await types('acc_soon')).includes('CreditsExpired'));
    expect(now()).toBeGreaterThanOrEqual(expiresAt);
  });

  it('lets a late result arrive after the deadline that it has just passed', async () => {
    await world.account('acc_late');
    const id = await world.submit('acc_late', { outcome: 'late', afterMs: 0 });
    await until('the job to run', async () => (await world.story(id)).includes('TaskAccepted'));
    expect(await testClock().set(now() + 601_000)).toMatchObject({ ok: true });
    expect((await world.state(id)).status).toBe('timed_out');
    await until('the late result', async () => (await world.story(id)).includes('LateResultArrived'));
    expect(await world.money(id)).toEqual(['CreditsRefunded']);
  });
});

describe('the status', () => {
  it('shows from any process who owns which partition, and that nothing is behind', async () => {
    const status = new OrchestratorStatus(new DueRows(world.database.pool), world.api.store, world.api.clock);
    await until('the log to be read', async () => (await status.read()).lagMs === 0);
    expect(await status.read()).toMatchObject({ isLeased: true, overdueTasks: 0, overdueAccounts: 0 });
    await world.stopAll();
    expect(await status.read()).toMatchObject({ isLeased: false, owners: new Map() });
  });
});
