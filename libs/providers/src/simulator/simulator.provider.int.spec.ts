import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { JsonObject } from '#libs/kernel';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import pg from 'pg';
import type { ProviderJob } from '../provider.port.js';
import { SimulatorProvider } from './simulator.provider.js';

let database: TestDatabase;
const opened: SimulatorProvider[] = [];
let nextId = 0;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => opened.splice(0).forEach((provider) => provider.close()));
afterAll(() => database.drop());

const simulator = (clock = { now: () => Date.now() }, pool = database.pool): SimulatorProvider => {
  const provider = new SimulatorProvider(pool, clock);
  opened.push(provider);
  return provider;
};
const job = (simulate: JsonObject, change: Partial<ProviderJob> = {}): ProviderJob => ({
  clientJobId: `job_${++nextId}`,
  tenant: 'acme',
  taskId: 'task_1',
  attempt: 1,
  model: 'kling-ai-5s',
  family: 'kling',
  prompt: null,
  parameters: { simulate },
  outputType: 'video',
  durationSeconds: '5',
  deadlineAt: Date.now() + 600_000,
  ...change,
});
const accepted = async (provider: SimulatorProvider, simulate: JsonObject): Promise<string> => {
  const answer = await provider.submit(job(simulate));
  if (answer.kind !== 'accepted') throw new Error(answer.kind);
  return answer.providerJobId;
};
const count = async (): Promise<number> =>
  Number((await database.pool.query<{ n: string }>('SELECT count(*) AS n FROM simulator_jobs')).rows[0]?.n);

describe('the simulator', () => {
  it('creates one job however often the same attempt is submitted, at once or later', async () => {
    const provider = simulator();
    const before = await count();
    const same = job({ afterMs: 60_000 });
    const answers = await Promise.all([provider.submit(same), provider.submit(same), simulator().submit(same)]);
    answers.push(await provider.submit(same));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await count()).toBe(before + 1);
  });

  it('hints when a job is due, and then has its result', async () => {
    const provider = simulator();
    const hinted = new Promise<string>((resolve) => provider.onHint(resolve));
    const id = await accepted(provider, { afterMs: 30, cost: { currency: 'USD', amountMinor: 3 } });
    expect(await hinted).toBe(id);
    expect(await provider.report(id)).toMatchObject({
      kind: 'succeeded',
      deliveredFraction: '1',
      cost: { currency: 'USD', amountMinor: 3 },
    });
  });

  it('keeps its jobs over a restart', async () => {
    const id = await accepted(simulator(), { outcome: 'fail', afterMs: 0 });
    expect(await simulator().report(id)).toMatchObject({ kind: 'failed' });
  });

  it('rejects without creating anything', async () => {
    const before = await count();
    const rejected = job({ outcome: 'reject', cost: { currency: 'USD', amountMinor: 3 } });
    expect(await simulator().submit(rejected)).toMatchObject({ kind: 'rejected' });
    expect(await simulator().lookup(rejected.clientJobId)).toEqual({ kind: 'never_created' });
    expect(await count()).toBe(before);
  });

  it('loses the answer of a submission that a look-up then finds', async () => {
    const provider = simulator();
    const lost = job({ outcome: 'lost_submit', afterMs: 0 });
    expect(await provider.submit(lost)).toMatchObject({ kind: 'unknown' });
    const found = await provider.lookup(lost.clientJobId);
    expect(found.kind).toBe('found');
    expect(await provider.report(found.kind === 'found' ? found.providerJobId : '')).toMatchObject({ kind: 'succeeded' });
  });

  it('answers a late job only when the deployment clock has passed the deadline', async () => {
    let now = 1_000;
    const provider = simulator({ now: () => now });
    const late = await provider.submit(job({ outcome: 'late', afterMs: 0 }, { deadlineAt: 5_000 }));
    const id = late.kind === 'accepted' ? late.providerJobId : '';
    expect(await provider.report(id)).toMatchObject({ kind: 'running' });
    now = 5_001;
    expect(await provider.report(id)).toMatchObject({ kind: 'succeeded' });
  });

  it('cancels what runs, for good, and is too late for what has ended', async () => {
    const provider = simulator();
    const running = await accepted(provider, { afterMs: 60_000, cost: { currency: 'USD', amountMinor: 9 } });
    const hanging = await accepted(provider, { outcome: 'hang', cost: { currency: 'USD', amountMinor: 9 } });
    const ended = await accepted(provider, { afterMs: 0 });
    expect(await Promise.all([running, hanging, ended].map((id) => provider.cancel(id)))).toEqual([
      { kind: 'cancelled', cost: { currency: 'USD', amountMinor: 9 } },
      { kind: 'cancelled', cost: null },
      { kind: 'too_late' },
    ]);
    expect(await provider.report(running)).toMatchObject({ kind: 'cancelled' });
    expect(await provider.cancel(running)).toMatchObject({ kind: 'cancelled' });
    expect(await provider.cancel('sim_nobody')).toEqual({ kind: 'unknown' });
  });

  it('takes a burst of jobs in a few statements and answers each its own', async () => {
    const provider = simulator();
    const jobs = Array.from({ length: 1_200 }, (_, index) => job({ afterMs: 0, deliveredFraction: index % 2 === 0 ? 1 : 0.5 }));
    const answers = await Promise.all(jobs.map((one) => provider.submit(one)));
    const reports = await Promise.all(answers.map((answer) => provider.report(answer.kind === 'accepted' ? answer.providerJobId : '')));
    expect(reports.map((report) => (report.kind === 'succeeded' ? report.deliveredFraction : report.kind))).toEqual(
      jobs.map((_, index) => (index % 2 === 0 ? '1' : '0.5')),
    );
  });

  it('says that nothing was sent when its database refuses the connection, and unreachable to everything else', async () => {
    const away = new pg.Pool({ host: '127.0.0.1', port: 1, connectionTimeoutMillis: 60_000 });
    const provider = simulator(undefined, away);
    expect(await provider.submit(job({}))).toMatchObject({ kind: 'not_sent' });
    expect(await provider.report('sim_x')).toMatchObject({ kind: 'unreachable' });
    expect(await provider.lookup('x')).toEqual({ kind: 'unknown' });
    expect(await provider.cancel('sim_x')).toEqual({ kind: 'unknown' });
    await away.end();
  });

  it('says the same when its database takes the connection and says nothing on it', async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const pool = new pg.Pool({ host: '127.0.0.1', port: (mute.address() as AddressInfo).port, connectionTimeoutMillis: 50 });
    try {
      expect(await simulator(undefined, pool).submit(job({}))).toMatchObject({ kind: 'not_sent' });
    } finally {
      await pool.end();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => mute.close(resolve));
    }
  });
});
