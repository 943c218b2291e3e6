import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { MessageProducer, Messaging } from '#libs/messaging';
import { describeKafka } from '../../../test/kafka/describe-kafka.js';
import { factsOnKafka, type FactsOnKafka } from '../../../test/kafka/facts-on-kafka.js';
import { createTestDatabase, type TestDatabase } from '../../../test/support/test-database.js';
import { until } from '../../../test/support/until.js';
import { RelayHouse, TENANT } from './testing/relay-house.js';

/** No send is given up, and so doubled, because the machine is busy, or a new topic's partition is still without its leader. */
const PATIENT = { connectionTimeoutMs: 20_000, requestTimeoutMs: 30_000, sendRetries: 20 };

describeKafka('the relay', (kafka) => {
  let database: TestDatabase;
  let house: RelayHouse;
  let seen: FactsOnKafka;
  let prefix: string;
  let count = 0;

  beforeEach(async () => {
    database = await createTestDatabase();
    prefix = `${kafka.prefix}-${(count += 1)}`;
    house = new RelayHouse(database.pool, prefix);
    seen = factsOnKafka(kafka.brokers(), prefix);
  });
  afterEach(async () => {
    await house.close();
    await seen.stop();
    await database.drop();
  });

  const allSeen = async (): Promise<void> =>
    until(() => seen.distinct().size >= house.ids.length, {
      what: () => `${house.ids.length} facts, ${seen.distinct().size} came`,
    });
  const checkpoint = async (): Promise<string> =>
    (await database.pool.query<{ position: string }>('SELECT position FROM relay')).rows[0]!.position;

  /** What every test ends with: nothing lost, nothing invented, each stream in order. */
  const judge = async (): Promise<void> => {
    await allSeen();
    expect(new Set(seen.distinct().keys())).toEqual(new Set(house.ids));
    seen.streams();
  };

  it('publishes a fact as a CloudEvent in binary mode, keyed by its stream', async () => {
    await house.append(`account-${TENANT}.acc_1`, [
      { type: 'AccountSuspended', data: { decidedAt: '2026-01-01T00:00:00.000Z', reason: 'größe' } },
    ]);
    const [fact] = await house.store.readStream(`account-${TENANT}.acc_1`);
    house.relay(kafka.messaging(PATIENT));
    await allSeen();
    const [message] = seen.messages;
    expect(message).toMatchObject({ topic: `${prefix}.account.v1`, key: `account-${TENANT}.acc_1` });
    expect(JSON.parse(message!.value!.toString())).toEqual({ decidedAt: '2026-01-01T00:00:00.000Z', reason: 'größe' });
    expect(message!.headers).toEqual({
      ce_specversion: '1.0',
      ce_id: fact!.id,
      ce_source: '/rollcredits/test',
      ce_type: 'rollcredits.account.AccountSuspended.v1',
      ce_subject: `account-${TENANT}.acc_1`,
      ce_time: new Date(fact!.recordedAt).toISOString(),
      ce_dataschema: 'urn:rollcredits:event:account:AccountSuspended:v1',
      ce_sequence: '0',
      ce_position: fact!.position,
      ce_correlationid: 'cor-0',
      ce_tenant: TENANT,
      'content-type': 'application/json',
    });
  });

  it('keeps to itself what holds idempotency keys, and moves its checkpoint past it', async () => {
    await house.append(`request-${TENANT}.cmd_1`, [{ type: 'RequestClaimed', data: { path: '/v1/tasks' } }]);
    house.ids.splice(0);
    house.relay(kafka.messaging(PATIENT));
    const head = await house.store.head();
    await until(async () => (await checkpoint()) === head);
    await house.busy(2);
    await judge();
    expect(seen.messages.map(({ headers }) => headers['ce_type'])).not.toContain('rollcredits.request.RequestClaimed.v1');
  });

  it('leaves personal text out, and puts it beside its digest only where it was asked to and it was not erased', async () => {
    const seal = async (account: string): Promise<void> => {
      const sealed = (await house.keys.sealerFor(TENANT, account)).seal({ name: 'Ada' })!;
      await house.append(`account-${TENANT}.${account}`, [
        { type: 'AccountOpened', data: { accountId: account, name: sealed.refs['name']! }, sealed: sealed.sealed },
      ]);
    };
    await seal('acc_1');
    await seal('acc_2');
    await database.pool.query(`UPDATE customer_keys SET key = NULL, erased_at = now() WHERE account_id = 'acc_2'`);
    const text = factsOnKafka(kafka.brokers(), `${prefix}-text`);
    const plain = house.relay(kafka.messaging(PATIENT));
    await judge();
    expect(seen.messages.map(({ value }) => value!.toString()).join()).not.toContain('Ada');
    await plain.stop();

    await database.pool.query(`UPDATE relay SET position = '0000000000000000'`);
    const other = new RelayHouse(database.pool, `${prefix}-text`);
    other.relay(kafka.messaging(PATIENT), {}, { kafkaIncludeText: true });
    try {
      await until(() => text.distinct().size === 2, { what: () => `two facts, ${text.messages.length} messages came` });
    } finally {
      await other.close();
      await text.stop();
    }
    const names = [...text.distinct().values()]
      .map(({ value }) => JSON.parse(value!.toString()) as { accountId: string; name: object })
      .sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
    expect(names).toEqual([
      { accountId: 'acc_1', name: { $erasable: expect.any(String), $text: 'Ada' } },
      { accountId: 'acc_2', name: { $erasable: expect.any(String) } },
    ]);
  });

  it('goes on behind the last acknowledged fact after a restart, without a gap and without a repetition', async () => {
    await house.busy(60);
    const first = house.relay(kafka.messaging(PATIENT));
    await allSeen();
    const head = await house.store.head();
    await until(async () => (await checkpoint()) === head);
    await first.stop();
    await house.busy(40);
    house.relay(kafka.messaging(PATIENT));
    await judge();
    expect(seen.messages).toHaveLength(house.ids.length);
  });

  it('is done by one of several processes, and taken over when that one ends', async () => {
    const relays = [house.relay(kafka.messaging(PATIENT)), house.relay(kafka.messaging(PATIENT))];
    await house.busy(40);
    await allSeen();
    const leaders = relays.filter((relay) => relay.leads());
    expect(leaders).toHaveLength(1);
    expect(seen.messages).toHaveLength(house.ids.length);
    await leaders[0]!.stop();
    await house.busy(40);
    await judge();
    await until(() => relays.filter((relay) => relay.leads()).length === 1);
  });

  it('only doubles when it ends between the acknowledgement and the checkpoint, and a double carries the same id', async () => {
    await house.busy(60);
    // The checkpoint is kept from moving for as long as the first relay lives: what it sends, its successor sends again.
    await database.pool.query(`CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away'; END $$`);
    await database.pool.query(`CREATE TRIGGER refuse_move BEFORE UPDATE ON relay FOR EACH ROW EXECUTE FUNCTION refuse_move()`);
    const first = house.relay(kafka.messaging(PATIENT));
    await until(() => seen.messages.length >= 20);
    await first.stop();
    await database.pool.query('DROP TRIGGER refuse_move ON relay');
    house.relay(kafka.messaging(PATIENT));
    await judge();
    expect(seen.messages.length).toBeGreaterThan(house.ids.length);
  });

  it('moves no checkpoint with a lease that became another’s', async () => {
    await house.busy(20);
    let robbed = false;
    const messaging = robbing(kafka.messaging(PATIENT), async () => {
      if (robbed) return;
      robbed = true;
      await database.pool.query(
        `UPDATE leases SET owner = 'another', token = token + 1, expires_at = now() + interval '1 hour' WHERE name = 'relay'`,
      );
    });
    house.relay(messaging);
    await until(() => robbed);
    await until(() => seen.distinct().size > 0);
    expect(await checkpoint()).toBe('0000000000000000');
    // Once the other's lease has run out the first is the owner again, begins at the checkpoint and doubles what it had sent.
    await database.pool.query(`UPDATE leases SET expires_at = now() WHERE name = 'relay'`);
    await until(() => seen.messages.length > house.ids.length);
    await judge();
  });

  it('stands before a fact that Kafka refuses, says so, publishes nothing behind it, and leaves it out only when told to', async () => {
    await house.busy(4);
    await house.append(`account-${TENANT}.acc_0`, [{ type: 'AccountSuspended', data: { decidedAt: 'x', reason: 'x'.repeat(1_200_000) } }]);
    const large = house.ids.pop()!;
    const poison = await house.store.head();
    await house.append(`account-${TENANT}.acc_1`, [{ type: 'AccountSuspended', data: { decidedAt: 'x', reason: 'behind' } }]);
    const relay = house.relay(kafka.messaging(PATIENT));
    await until(async () => (await relay.health()).status === 'degraded' && (await relay.health()).detail?.includes(poison) === true);
    expect(seen.messages.filter(({ value }) => value!.toString().includes('behind'))).toEqual([]);
    // It knows before it has written it down.
    await until(async () => (await database.pool.query('SELECT 1 FROM relay WHERE failed_position = $1', [poison])).rowCount === 1);
    // A word about another fact is no word about this one.
    await database.pool.query(`UPDATE relay SET skip_position = '0000000000000001'`);
    await until(async () => (await relay.health()).status === 'degraded');
    await database.pool.query('UPDATE relay SET skip_position = failed_position');
    await allSeen();
    expect(seen.distinct().has(large)).toBe(false);
    expect(new Set(seen.distinct().keys())).toEqual(new Set(house.ids));
    await until(async () => (await relay.health()).status === 'ok');
    expect((await database.pool.query('SELECT failed_position FROM relay')).rows).toEqual([{ failed_position: null }]);
  });

  it('tells its lead, its lag and what it published in metrics', async () => {
    const registry = new Registry();
    await house.busy(10);
    const relay = house.relay(kafka.messaging(PATIENT), {}, {}, registry);
    await judge();
    await until(async () => (await relay.figures()).lagFacts === 0);
    const text = await registry.metrics();
    expect(text).toMatch(/rollcredits_relay_leads 1/);
    expect(text).toMatch(/rollcredits_relay_lag_facts 0/);
    expect(text).toMatch(/rollcredits_relay_lag_ms 0/);
    expect(text).toContain(`rollcredits_relay_published_total{topic="${prefix}.account.v1"} 5`);
  });
});

/** Calls `after` once each send was acknowledged. */
function robbing(messaging: Messaging, after: () => Promise<void>): Messaging {
  const producer = (clientId: string): MessageProducer => {
    const real = messaging.producer(clientId);
    return {
      send: async (topic, messages) => {
        await real.send(topic, messages);
        await after();
      },
      close: () => real.close(),
    };
  };
  return Object.assign(Object.create(messaging) as Messaging, {
    producer,
    ensureTopics: messaging.ensureTopics.bind(messaging),
  });
}
