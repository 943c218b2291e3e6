import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { BrokerUnavailable, type IncomingMessage, type Messaging, type OutgoingMessage } from '#libs/messaging';
import { DeploymentSecret } from '#libs/platform';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/test-database.js';
import { until } from '../../../../test/support/until.js';
import type { JobReport, ProviderJob } from '../provider.port.js';
import { FleetIntake } from './fleet.intake.js';
import { jobIdOf, tokenOf, type FleetJob } from './fleet.job.js';
import { FleetJobs } from './fleet.jobs.postgres.js';
import { fleetMetrics } from './fleet.metrics.js';
import { FleetProvider, type FleetSettings } from './fleet.provider.js';

const SETTINGS: FleetSettings = {
  kafkaTopicPrefix: 't',
  kafkaPartitions: 3,
  kafkaRetentionMs: 1_000,
  deploymentName: 'test',
  fleetHeartbeatMs: 100,
  fleetLostWorker: 'retry',
};

/** What a broker is to a provider and an intake: it takes messages, or it does not. */
class Wire {
  readonly sent: Array<{ topic: string; message: OutgoingMessage }> = [];
  isAway = false;
  /** The send is taken and its acknowledgement lost. */
  losesAnswers = false;

  readonly messaging: Messaging = {
    producer: () => ({
      send: async (topic, messages) => {
        if (!this.isAway) for (const message of messages) this.sent.push({ topic, message });
        if (this.isAway || this.losesAnswers) throw new BrokerUnavailable('away');
      },
      close: async () => undefined,
    }),
    consume: () => ({ stop: async () => undefined }),
    ensureTopics: () => this.#answer(),
    readTopic: () => this.#answer(),
    ping: () => this.#answer(),
    close: async () => undefined,
  };

  on(topic: string): OutgoingMessage[] {
    return this.sent.filter((one) => one.topic === topic).map((one) => one.message);
  }

  #answer(): Promise<void> {
    return this.isAway ? Promise.reject(new BrokerUnavailable('away')) : Promise.resolve();
  }
}

let database: TestDatabase;
let wire: Wire;
let provider: FleetProvider;
let late: Array<{ job: FleetJob; report: JobReport }>;
let failsLate: boolean;
let intakes: FleetIntake[];
let tasks = 0;
let offset = 0;
const secret = new DeploymentSecret(Buffer.alloc(32, 7));
const logger = pino({ level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  wire = new Wire();
  late = [];
  failsLate = false;
  intakes = [];
  provider = new FleetProvider({
    pool: database.pool,
    clock: { now: () => Date.now() },
    messaging: wire.messaging,
    secret,
    settings: SETTINGS,
    logger,
  });
});
afterEach(async () => {
  await Promise.all([provider.close(), ...intakes.map((intake) => intake.stop())]);
});

function intake(): FleetIntake {
  const made = new FleetIntake({
    pool: database.pool,
    clock: { now: () => Date.now() },
    messaging: wire.messaging,
    secret,
    settings: SETTINGS,
    logger,
    metrics: fleetMetrics(new Registry(), () => null),
    recordLate: async (job, report) => {
      if (failsLate) throw new Error('the log is away');
      late.push({ job, report });
    },
  });
  intakes.push(made);
  return made;
}

const aJob = (changes: Partial<ProviderJob> = {}): ProviderJob => ({
  clientJobId: `task_${++tasks}.1`,
  tenant: 'acme',
  taskId: `task_${tasks}`,
  attempt: 1,
  model: 'own',
  family: 'own',
  prompt: 'a fox',
  parameters: {},
  outputType: 'video',
  durationSeconds: '5',
  deadlineAt: Date.now() + 60_000,
  ...changes,
});
async function submitted(): Promise<ProviderJob> {
  const job = aJob();
  expect(await provider.submit(job)).toEqual({ kind: 'accepted', providerJobId: jobIdOf(job.clientJobId) });
  return job;
}
function said(job: ProviderJob, kind: string, more: object = {}, id: string = randomUUID()): IncomingMessage {
  const body = { jobId: jobIdOf(job.clientJobId), attempt: 1, token: tokenOf(secret, job.clientJobId), kind, worker: 'a', ...more };
  return {
    topic: 't.results.v1',
    partition: 0,
    offset: String((offset += 1)),
    key: job.taskId,
    value: Buffer.from(JSON.stringify(body)),
    headers: { ce_id: id },
    timestamp: Date.now(),
  };
}
const row = async (job: ProviderJob): Promise<FleetJob> => {
  const id = jobIdOf(job.clientJobId);
  return (await new FleetJobs(database.pool).find([id])).get(id)!.job;
};
const report = (job: ProviderJob): Promise<JobReport> => provider.report(jobIdOf(job.clientJobId));
const SUCCESS = { assets: [{ url: 'https://x.example/1.mp4', mediaType: 'video/mp4' }] };

describe('a submission', () => {
  it('is one message, under the task’s key, and its token stands in no row', async () => {
    const job = await submitted();
    const [message] = wire.on('t.jobs.own.v1');
    expect(message).toMatchObject({ key: job.taskId });
    const token = tokenOf(secret, job.clientJobId);
    expect(JSON.parse(message!.value as string)).toMatchObject({ token });
    expect(JSON.stringify(await row(job))).not.toContain(token);
    const { rows } = await database.pool.query<{ text: string }>('SELECT f::text AS text FROM fleet_jobs AS f');
    expect(rows.map(({ text }) => text).join()).not.toContain('a fox');
  });

  it('sends nothing while the broker is away, says so, and waits for it until the deadline', async () => {
    wire.isAway = true;
    const job = aJob();
    expect(await provider.submit(job)).toMatchObject({ kind: 'not_sent', untilDeadline: true });
    expect(await provider.lookup(job.clientJobId)).toEqual({ kind: 'never_created' });
    wire.isAway = false;
    expect(await provider.submit(job)).toMatchObject({ kind: 'accepted' });
  });

  it('whose acknowledgement is lost is unknown, looked for, and sent again under the same id', async () => {
    await submitted();
    wire.losesAnswers = true;
    const job = aJob();
    expect(await provider.submit(job)).toMatchObject({ kind: 'unknown' });
    wire.isAway = true;
    expect(await provider.lookup(job.clientJobId)).toEqual({ kind: 'unknown' });
    // Not `not_sent`: it may be there from before.
    expect(await provider.submit(job)).toMatchObject({ kind: 'unknown' });
    wire.isAway = wire.losesAnswers = false;
    expect(await provider.lookup(job.clientJobId)).toEqual({ kind: 'never_created' });
    expect(await provider.submit(job)).toMatchObject({ kind: 'accepted' });
    const ids = wire.on('t.jobs.own.v1').filter(({ key }) => key === job.taskId);
    expect(ids.map(({ headers }) => headers['ce_id'])).toEqual(Array(2).fill(`${jobIdOf(job.clientJobId)}/0`));
  });

  it('of which a worker was heard is found, and not sent again', async () => {
    wire.losesAnswers = true;
    const job = aJob();
    await provider.submit(job);
    await provider.submit(job);
    wire.losesAnswers = false;
    await intake().handle([said(job, 'claimed')]);
    expect(await provider.lookup(job.clientJobId)).toEqual({ kind: 'found', providerJobId: jobIdOf(job.clientJobId) });
    const before = wire.sent.length;
    expect(await provider.submit(job)).toMatchObject({ kind: 'accepted' });
    expect(wire.sent).toHaveLength(before);
  });

  it('that no broker would take is rejected for good', async () => {
    expect(await provider.submit(aJob({ prompt: 'x'.repeat(1_000_000) }))).toMatchObject({
      kind: 'rejected',
      code: 'job_too_large',
      retryable: false,
    });
  });
});

describe('the intake', () => {
  it('keeps what was said, whether it comes in one piece or in several, and once', async () => {
    const job = await submitted();
    const messages = [said(job, 'claimed'), said(job, 'heartbeat', { progress: 30 }), said(job, 'succeeded', SUCCESS)];
    await intake().handle(messages.slice(0, 2));
    expect(await report(job)).toEqual({ kind: 'running', percent: 30 });
    await Promise.all([intake().handle(messages), intake().handle(messages)]);
    expect(await report(job)).toMatchObject({ kind: 'succeeded', deliveredFraction: '1' });
    expect(late).toHaveLength(1);
  });

  it('forgets nothing of a batch that failed half-way: it is taken in whole the next time', async () => {
    const [one, two] = [await submitted(), await submitted()];
    const messages = [said(one, 'released'), said(two, 'succeeded', SUCCESS)];
    failsLate = true;
    await expect(intake().handle(messages)).rejects.toThrow('away');
    expect(await row(one)).toMatchObject({ releases: 0 });
    failsLate = false;
    await intake().handle(messages);
    expect(await row(one)).toMatchObject({ releases: 1, sentMs: null });
    expect(await report(two)).toMatchObject({ kind: 'succeeded' });
  });

  it('keeps messages until the dead letters among them are kept', async () => {
    const job = await submitted();
    const forged = said(job, 'succeeded', { ...SUCCESS, token: 'A'.repeat(43) });
    wire.isAway = true;
    await expect(intake().handle([said(job, 'claimed'), forged])).rejects.toThrow('away');
    wire.isAway = false;
    await intake().handle([forged]);
    const [letter] = wire.on('t.dead-letters.v1');
    expect(letter).toMatchObject({
      key: job.taskId,
      value: forged.value,
      headers: {
        ce_id: forged.headers['ce_id'],
        dl_reason: 'forged_token',
        dl_topic: 't.results.v1',
        dl_partition: '0',
        dl_offset: forged.offset,
      },
    });
    expect(await row(job)).toMatchObject({ worker: 'a', verdict: null });
  });

  it('releases once, however often a release is delivered, also after somebody else has begun', async () => {
    const job = await submitted();
    const release = said(job, 'released');
    await intake().handle([said(job, 'claimed'), release]);
    expect(await report(job)).toEqual({ kind: 'returned' });
    expect(await provider.submit(job)).toMatchObject({ kind: 'accepted' });
    await intake().handle([said(job, 'claimed', { worker: 'b' }), release]);
    expect(await row(job)).toMatchObject({ worker: 'b', releases: 1 });
    expect(
      wire
        .on('t.jobs.own.v1')
        .filter(({ key }) => key === job.taskId)
        .map(({ headers }) => headers['ce_id']),
    ).toEqual([`${jobIdOf(job.clientJobId)}/0`, `${jobIdOf(job.clientJobId)}/1`]);
  });

  it('takes a verdict of an attempt that was given up as late, in whatever order the two come', async () => {
    const job = await submitted();
    await intake().handle([said(job, 'claimed')]);
    const jobs = new FleetJobs(database.pool);
    const { heardMs } = await row(job);
    await Promise.all([jobs.giveUp(jobIdOf(job.clientJobId), heardMs!), intake().handle([said(job, 'succeeded', SUCCESS)])]);
    const { lostMs, verdict } = await row(job);
    // Never neither: a verdict is in the row for whoever asks, and was recorded as late where the attempt is gone.
    expect(verdict).toMatchObject({ kind: 'succeeded' });
    expect(late.map((one) => one.job.lostMs)).toEqual([lostMs]);
  });
});

describe('a silent worker', () => {
  it('is given up only once our own question was read behind its last word, and another is told', async () => {
    const job = await submitted();
    await intake().handle([said(job, 'claimed')]);
    await database.pool.query(`UPDATE fleet_jobs SET heard_ms = heard_ms - 1000 WHERE task_id = $1`, [job.taskId]);
    expect(await report(job)).toMatchObject({ kind: 'running' });
    await until(() => wire.on('t.results.v1').length > 0);
    const asked = wire.on('t.results.v1').at(-1);
    expect(JSON.parse(asked!.value as string)).toMatchObject({ kind: 'probe', jobId: jobIdOf(job.clientJobId) });
    // However long it takes: while the question is not read, nobody is given up.
    await database.pool.query(`UPDATE fleet_jobs SET heard_ms = heard_ms - 100000 WHERE task_id = $1`, [job.taskId]);
    expect(await report(job)).toMatchObject({ kind: 'running' });
    const probe = { ...said(job, 'x'), value: Buffer.from(asked!.value as string), headers: asked!.headers };
    await intake().handle([probe]);
    await database.pool.query(`UPDATE fleet_jobs SET probed_ms = probed_ms - 100 WHERE task_id = $1`, [job.taskId]);
    expect(await report(job)).toMatchObject({ kind: 'lost', mayRunAgain: true, detail: expect.stringContaining('worker a') });
    expect(await report(job)).toMatchObject({ kind: 'lost' });
    await intake().handle([said(job, 'heartbeat')]);
    await until(() => wire.on('t.cancellations.v1').length === 2);
    const told = wire.on('t.cancellations.v1').map(({ value }) => JSON.parse(value as string) as { reason: string });
    expect(told.map(({ reason }) => reason)).toEqual(['given_up', 'given_up']);
  });

  it('cannot ask our question itself', async () => {
    const job = await submitted();
    await intake().handle([said(job, 'claimed'), said(job, 'probe')]);
    expect(await row(job)).toMatchObject({ probedMs: null });
    expect(wire.on('t.dead-letters.v1')).toMatchObject([{ headers: { dl_reason: 'forged_token' } }]);
  });
});

describe('a cancellation', () => {
  it('is done where nobody has begun, asked for where somebody has, and too late where it is over', async () => {
    const [idle, busy, over] = [await submitted(), await submitted(), await submitted()];
    await intake().handle([said(busy, 'claimed'), said(over, 'succeeded', SUCCESS)]);
    const cancel = (job: ProviderJob): Promise<object> => provider.cancel(jobIdOf(job.clientJobId));
    expect(await cancel(idle)).toEqual({ kind: 'withdrawn' });
    expect(await cancel(busy)).toEqual({ kind: 'requested' });
    expect(await cancel(over)).toEqual({ kind: 'too_late' });
    wire.isAway = true;
    // The worker may not hear of it: it is asked for again.
    expect(await cancel(busy)).toEqual({ kind: 'unknown' });
  });
});
