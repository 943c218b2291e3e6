import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { KafkaMessaging } from '#libs/messaging';
import type { TestBroker } from '../../../test/kafka/broker.js';
import { describeKafka, IMPATIENT, kafkaSettingsFor } from '../../../test/kafka/describe-kafka.js';
import { factsOnKafka, type FactsOnKafka } from '../../../test/kafka/facts-on-kafka.js';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { until } from '../../../test/support/until.js';
import { RelayHouse } from './testing/relay-house.js';

const HASTY = { ...IMPATIENT, connectionTimeoutMs: 500, requestTimeoutMs: 800, sendRetries: 1 };
/** The longest that one send can take with these time-outs and retries, were each to run out. */
const EVERY_TIMEOUT_MS = (HASTY.sendRetries + 1) * (HASTY.requestTimeoutMs + HASTY.connectionTimeoutMs);

describeKafka(
  'the relay on a bad day',
  (kafka) => {
    let broker: TestBroker;
    let database: TestDatabase;
    let house: RelayHouse;
    let seen: FactsOnKafka;
    let prefix: string;
    const open: KafkaMessaging[] = [];
    let count = 0;

    beforeAll(async () => {
      broker = await kafka.ownBroker();
    });
    beforeEach(async () => {
      database = await createTestDatabase();
      prefix = `day${(count += 1)}`;
      house = new RelayHouse(database.pool, prefix);
      seen = factsOnKafka(broker.address, prefix);
    });
    afterEach(async () => {
      await house.close();
      await Promise.all(open.splice(0).map((messaging) => messaging.close()));
      await seen.stop();
      await database.drop();
    });

    const messaging = (): KafkaMessaging => {
      const made = new KafkaMessaging(kafkaSettingsFor(broker.address, HASTY), pino({ level: 'silent' }));
      open.push(made);
      return made;
    };
    const judge = async (): Promise<void> => {
      await until(() => seen.distinct().size >= house.ids.length, {
        withinMs: 120_000,
        what: () => `${house.ids.length} facts, ${seen.distinct().size} came`,
      });
      expect(new Set(seen.distinct().keys())).toEqual(new Set(house.ids));
      seen.streams();
    };

    it('Kafka answers nothing for longer than every time-out, then is gone, then comes back: nothing is lost, order holds, appends never wait', async () => {
      const relay = house.relay(messaging());
      await house.busy(40);
      await judge();
      const writing = house.keepBusy();
      broker.pause();
      await until(async () => (await relay.health()).status === 'degraded');
      // Kafka has been silent for at least as long as a fact waits.
      await until(async () => (await relay.figures()).lagMs > EVERY_TIMEOUT_MS);
      const { lagFacts } = await relay.figures();
      expect(lagFacts).toBeGreaterThan(0);
      // Appends go on all the while.
      await until(async () => ((await relay.figures()).lagFacts ?? 0) > (lagFacts ?? 0), { what: () => 'more facts to wait' });
      broker.resume();
      await broker.kill();
      await writing.stop();
      await broker.start();
      await judge();
      await until(async () => (await relay.health()).status === 'ok');
    });

    it('a relay that starts while Kafka is away publishes as soon as it is there', async () => {
      await broker.stop();
      const relay = house.relay(messaging());
      await house.busy(20);
      await until(async () => (await relay.health()).status === 'degraded');
      await broker.start();
      await judge();
    });

    it('the broker is killed in the middle of a batch: nothing is lost and order holds', async () => {
      await house.busy(300);
      const writing = house.keepBusy();
      house.relay(messaging());
      await until(() => seen.messages.length > 20, { everyMs: 1 });
      await broker.kill();
      await broker.start();
      await writing.stop();
      await judge();
    });

    it('two relays rob each other of the lease again and again: repetitions only', async () => {
      const relays = [1, 2].map(() => house.relay(messaging(), { leaseTtlMs: 1_000 }));
      const writing = house.keepBusy();
      let robbed = 0;
      let last = '';
      await until(async () => {
        const { rows } = await database.pool.query<{ position: string }>('SELECT position FROM relay');
        if (rows[0]!.position > last) {
          last = rows[0]!.position;
          robbed +=
            (await database.pool.query(`UPDATE leases SET expires_at = now(), token = token + 1 WHERE name = 'relay'`)).rowCount ?? 0;
        }
        return robbed > 8;
      });
      await writing.stop();
      await judge();
      // Who was robbed last may not have heard of it yet.
      await until(() => relays.filter((relay) => relay.leads()).length <= 1);
    });

    it('the database is away and comes back: publishing goes on behind the checkpoint', async () => {
      house.relay(messaging());
      await house.busy(40);
      await judge();
      const name = new URL(database.url).pathname.slice(1);
      const admin = new pg.Client({ connectionString: process.env['TEST_POSTGRES_URL'] });
      await admin.connect();
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
      await until(async () => {
        const refused = await database.pool.query('SELECT 1').catch(() => null);
        return refused === null;
      });
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await admin.end();
      const answers = (): Promise<boolean> =>
        house.store.head().then(
          () => true,
          () => false,
        );
      await until(answers);
      const writes = (): Promise<boolean> =>
        house.append('account-t1.acc_after', [{ type: 'AccountResumed', data: { decidedAt: 'x', reason: 'back' } }]).then(
          () => true,
          () => false,
        );
      await until(writes);
      await house.busy(40);
      await judge();
    });
  },
  { shared: false },
);
