import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeploymentClock, StartupError } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';

const HOUR_MS = 3_600_000;
let database: TestDatabase;
const opened: DeploymentClock[] = [];
const open = async (testClock = true): Promise<DeploymentClock> => {
  const clock = await DeploymentClock.open(database.pool, { testClock });
  opened.push(clock);
  return clock;
};

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((clock) => clock.close()));
  await database.drop();
});

describe("the deployment's clock", () => {
  it('is real time until it is first set', async () => {
    const clock = await open();
    const before = Date.now();
    const now = clock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('jumps to where it is set, ticks on from there, and every other process follows and is told', async () => {
    const [mine, other] = [await open(), await open()];
    let told = 0;
    other.onMoved(() => (told += 1));
    const target = Date.now() + 720 * HOUR_MS;
    const answer = await mine.set(target);
    expect(answer).toMatchObject({ ok: true });
    expect(mine.now()).toBeGreaterThanOrEqual(target);
    expect(mine.now()).toBeLessThan(target + HOUR_MS);
    await until(() => other.now() >= target);
    expect(told).toBe(1);
    const then = mine.now();
    await until(() => mine.now() > then);
  });

  it('never moves back: not here, and not past what another process has set', async () => {
    const [mine, other] = [await open(), await open()];
    await mine.set(Date.now() + 10 * HOUR_MS);
    const refusal = await other.set(Date.now() + 5 * HOUR_MS);
    expect(refusal).toMatchObject({ refused: true, code: 'conflict' });
    expect(other.now()).toBeGreaterThan(Date.now() + 9 * HOUR_MS);
    expect(await mine.set(Date.now() - HOUR_MS)).toMatchObject({ refused: true, code: 'conflict' });
  });

  it('keeps its offset over a restart', async () => {
    await (await open()).set(Date.now() + 10 * HOUR_MS);
    const again = await open();
    expect(again.now()).toBeGreaterThan(Date.now() + 9 * HOUR_MS);
  });

  it('follows a jump of which it got no notification', async () => {
    const clock = await open();
    await database.pool.query('UPDATE deployment SET clock_offset_ms = $1, clock_moved_at = now()', [10 * HOUR_MS]);
    await until(() => clock.now() > Date.now() + 9 * HOUR_MS);
  });

  it('refuses to start without TEST_CLOCK on a database whose clock was ever moved', async () => {
    await expect(open(false)).resolves.toBeDefined();
    await (await open()).set(Date.now() + HOUR_MS);
    await expect(DeploymentClock.open(database.pool, { testClock: false })).rejects.toThrow(StartupError);
    await expect(DeploymentClock.open(database.pool, { testClock: false })).rejects.toThrow(/start with TEST_CLOCK=1/);
  });
});
