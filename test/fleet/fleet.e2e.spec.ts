import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeKafka } from '../kafka/describe-kafka.js';
import { until } from '../support/until.js';
import { FleetWorld, HEARTBEAT_MS } from './fleet-world.js';

describeKafka('a fleet of example workers behind the whole system', (kafka) => {
  let world: FleetWorld;
  let account: string;
  beforeAll(async () => {
    world = await FleetWorld.open(kafka.env(), ['gpu', 'slow']);
    account = await world.account();
  });
  afterAll(() => world.close());

  it('takes a job, says how far it is, delivers, and the customer is charged once', async () => {
    const id = await world.submit(account, 'gpu', { workMs: 4 * HEARTBEAT_MS });
    await world.worker('first', ['gpu']);
    const task = await world.settled(id);
    expect(task).toMatchObject({
      status: 'completed',
      settlement: 'consumed',
      credits: { consumed: 70, refunded: 0 },
      attempts: [{ number: 1, provider: 'fleet', status: 'succeeded', cost: { currency: 'USD', amountMinor: 12 } }],
      assets: [{ mediaType: 'video/mp4', durationSeconds: '5', late: false }],
    });
    expect(await world.story(id)).toEqual(expect.arrayContaining(['TaskProgressed']));
    expect(await world.endings(id)).toEqual(['CreditsConsumed']);
    expect((await world.api('GET', `/v1/tasks/${id}/receipt`)).body.providerCost).toEqual([{ currency: 'USD', amountMinor: 12 }]);
  });

  it('fails once and is given another attempt; fails for good and the customer is not charged', async () => {
    const [once, always] = await Promise.all([
      world.submit(account, 'gpu', { do: 'fail_once' }),
      world.submit(account, 'gpu', { do: 'fail' }),
    ]);
    expect(await world.settled(once)).toMatchObject({ status: 'completed', attempts: [{ status: 'failed' }, { status: 'succeeded' }] });
    expect(await world.settled(always)).toMatchObject({ status: 'failed', settlement: 'refunded', failure: { code: 'out_of_memory' } });
  });

  it('gives a job back, and gets it again as the same attempt', async () => {
    const id = await world.submit(account, 'gpu', { do: 'release_once' });
    expect(await world.settled(id)).toMatchObject({ status: 'completed', attempts: [{ number: 1, status: 'succeeded' }] });
    expect((await world.story(id)).filter((type) => type === 'TaskDispatched')).toHaveLength(1);
  });

  it('stops what the customer cancels, and does not charge for it', async () => {
    const id = await world.submit(account, 'gpu', { workMs: 240_000 });
    await until(async () => claimedBy(await rowOf(id)) === 'first', { what: () => 'the job to be claimed' });
    expect((await world.api('POST', `/v1/tasks/${id}/cancel`)).body.outcome).toBe('requested');
    expect(await world.settled(id)).toMatchObject({ status: 'cancelled', settlement: 'refunded' });
    // The worker has heard of it: it is free for the next.
    expect(await world.settled(await world.submit(account, 'gpu'))).toMatchObject({ status: 'completed' });
  });

  it('loses a worker in the middle of a job: another one does it again, and the customer is charged once', async () => {
    await world.worker('doomed', ['slow']);
    const id = await world.submit(account, 'slow', { workMs: 4 * HEARTBEAT_MS });
    await until(async () => claimedBy(await rowOf(id)) === 'doomed', { what: () => 'the job to be claimed' });
    await world.end('doomed', 'SIGKILL');
    await world.worker('heir', ['slow']);
    expect(await world.settled(id)).toMatchObject({
      status: 'completed',
      credits: { consumed: 70 },
      attempts: [
        { number: 1, status: 'abandoned' },
        { number: 2, status: 'succeeded' },
      ],
    });
    expect(await world.endings(id)).toEqual(['CreditsConsumed']);
  });

  it('ends its work in order when it is told to stop: the job goes to another worker as the same attempt', async () => {
    const id = await world.submit(account, 'slow', { workMs: 4 * HEARTBEAT_MS });
    await until(async () => claimedBy(await rowOf(id)) === 'heir', { what: () => 'the job to be claimed' });
    await world.end('heir', 'SIGTERM');
    await world.worker('third', ['slow']);
    expect(await world.settled(id)).toMatchObject({ status: 'completed', attempts: [{ number: 1, status: 'succeeded' }] });
  });

  it('leaves nothing held and no message unread', async () => {
    expect(await world.balance(account)).toMatchObject({ held: 0 });
    const report = (await world.api('GET', '/readyz')).body;
    expect(report.parts.deadLetters).toMatchObject({ status: 'ok', open: 0 });
  });

  interface JobRow {
    worker: string | null;
    claimed_ms: string | null;
  }
  async function rowOf(taskId: string): Promise<JobRow | undefined> {
    const { rows } = await world.database.pool.query<JobRow>(
      'SELECT worker, claimed_ms FROM fleet_jobs WHERE task_id = $1 ORDER BY attempt DESC',
      [taskId],
    );
    return rows[0];
  }
  const claimedBy = (row: JobRow | undefined): string | null => row?.worker ?? null;
});
