import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { KafkaMessaging } from '#libs/messaging';
import { DeploymentSecret } from '#libs/platform';
import { FleetIntake, fleetMetrics, FleetProvider, type FleetSettings } from '#libs/providers';
import { createApiWorld, type ApiWorld } from '../api/api-world.js';
import { describeKafka, kafkaSettingsFor, PATIENT } from '../kafka/describe-kafka.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { HEARTBEAT_MS, Puppet, type Job } from './fleet-world.js';

const JOBS = 120;

describeKafka('a rebalance in the middle of intake', (kafka) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  const intakes: FleetIntake[] = [];
  afterEach(async () => {
    await Promise.all(intakes.map((intake) => intake.stop()));
  });

  it('loses no verdict and takes none in twice, whoever comes and goes', async () => {
    const settings: FleetSettings = {
      kafkaTopicPrefix: kafka.prefix,
      kafkaPartitions: 6,
      kafkaRetentionMs: 3_600_000,
      deploymentName: 'test',
      fleetHeartbeatMs: 60_000,
      fleetLostWorker: 'retry',
    };
    const common = {
      pool: database.pool,
      clock: { now: () => Date.now() },
      secret: new DeploymentSecret(Buffer.alloc(32, 1)),
      settings,
      logger: pino({ level: 'silent' }),
    };
    const provider = new FleetProvider({ ...common, messaging: kafka.messaging(PATIENT) });
    const taken = new Map<string, number>();
    const join = (): FleetIntake => {
      const intake = new FleetIntake({
        ...common,
        messaging: kafka.messaging(),
        metrics: fleetMetrics(new Registry(), () => null),
        recordLate: async ({ jobId }) => {
          taken.set(jobId, (taken.get(jobId) ?? 0) + 1);
        },
      });
      intakes.push(intake);
      intake.start();
      return intake;
    };
    const first = join();
    const puppet = new Puppet(kafka.messaging(PATIENT), kafka.prefix, 'many');
    const ids = Array.from({ length: JOBS }, (_, n) => `task_${n}`);
    const answers = await Promise.all(
      ids.map((taskId) =>
        provider.submit({
          clientJobId: `${taskId}.1`,
          tenant: 'acme',
          taskId,
          attempt: 1,
          model: 'many',
          family: 'many',
          prompt: null,
          parameters: {},
          outputType: 'video',
          durationSeconds: null,
          deadlineAt: Date.now() + 600_000,
        }),
      ),
    );
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['accepted']));
    // One whose acknowledgement was lost stands on the topic twice.
    const jobs = (): Map<string, Job> => new Map(puppet.jobs.map((job) => [job.jobId, job]));
    await until(() => jobs().size === JOBS, { withinMs: 60_000, what: () => `${jobs().size} jobs` });

    const verdicts = async (): Promise<number> => {
      const { rows } = await database.pool.query<{ n: number }>('SELECT count(*)::int AS n FROM fleet_jobs WHERE verdict IS NOT NULL');
      return rows[0]!.n;
    };
    for (const [n, job] of [...jobs().values()].entries()) {
      await puppet.say(job, 'claimed');
      await puppet.succeed(job);
      if (n === 30) join();
      if (n === 60) join();
      if (n === 90) void first.stop();
    }
    await until(async () => (await verdicts()) === JOBS, { withinMs: 60_000, what: () => 'every verdict' });
    // A verdict that was taken in, and whose offset was not committed in time, is known by its id.
    expect([...taken.values()].filter((times) => times !== 1)).toEqual([]);
    expect(taken.size).toBe(JOBS);
    await Promise.all([puppet.stop(), provider.close()]);
  });
});

describeKafka(
  'a broker that is away',
  (kafka) => {
    let world: ApiWorld | null = null;
    afterAll(() => world?.close());

    it('keeps jobs waiting, not failing; what was submitted meanwhile is done once it is back', async () => {
      const broker = await kafka.ownBroker();
      const api = await createApiWorld({
        KAFKA_BROKERS: broker.address,
        KAFKA_TOPIC_PREFIX: kafka.prefix,
        KAFKA_PARTITIONS: '3',
        KAFKA_SESSION_TIMEOUT_MS: '6000',
        FLEET_HEARTBEAT_MS: String(HEARTBEAT_MS),
      });
      world = api;
      const model = { name: 'own', family: 'own', outputType: 'video', credits: 70, minimumPlan: 'free', provider: 'fleet' };
      expect((await api.call('PUT', '/v1/models/own', model)).status).toBe(200);
      await api.call('POST', '/v1/accounts', { id: 'a', name: 'a', plan: 'pro' });
      await broker.kill();

      const body = { accountId: 'a', model: 'own', prompt: 'a fox', parameters: { deadlineMs: 600_000 } };
      const { status, body: task } = await api.call('POST', '/v1/tasks', body);
      // The customer's request does not wait for Kafka, which is still away.
      expect(status).toBe(202);
      const read = async (): Promise<ReturnType<typeof JSON.parse>> => (await api.call('GET', `/v1/tasks/${task.id}`)).body;
      await until(async () => (await read()).attempts.length > 0, { what: () => 'it to be tried' });
      expect((await read()).credits.held).toBe(70);

      await broker.start();
      const messaging = new KafkaMessaging(kafkaSettingsFor(broker.address, PATIENT), pino({ level: 'silent' }));
      const puppet = new Puppet(messaging, kafka.prefix, 'own');
      try {
        await until(() => puppet.jobs.some((job) => job.taskId === task.id), { withinMs: 120_000, what: () => 'the job to come' });
        // As a fleet would: whatever comes is done, also what a broker that has just come back was slow to acknowledge.
        let done = 0;
        await until(
          async () => {
            while (done < puppet.jobs.length) await puppet.succeed(puppet.jobs[done++]!);
            return (await read()).settlement === 'consumed';
          },
          { withinMs: 120_000, what: () => 'it to be charged' },
        );
      } finally {
        await puppet.stop();
        await messaging.close();
      }
    });
  },
  { shared: false },
);
