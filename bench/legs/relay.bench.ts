// Leg i: facts a second from the log to a real Kafka by the relay, beside a bare kafkajs producer that sends the very same messages from memory.
import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs';
import pg from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { batchOf, Relay, RelayMetrics, type Batch } from '#apps/relay';
import { CachedCustomerKeys, POSITION_START, PostgresEventStore, PostgresKeyVault } from '#libs/event-store';
import { factsTopic, KafkaMessaging, kafkaPatience, pause, PUBLISHED_CATEGORIES, type OutgoingMessage } from '#libs/messaging';
import { TestBroker } from '../../test/kafka/broker.js';
import { whatIsMissing } from '../../test/kafka/installation.js';
import { median } from '../load.js';
import type { LegResult } from '../report.js';
import { writeHolds } from './event-store.bench.js';

const ACCOUNTS = 1_000;
const PARTITIONS = 12;
const BATCH_FACTS = 1_000;

interface Bench {
  pool: pg.Pool;
  store: PostgresEventStore;
  messaging: KafkaMessaging;
  address: string;
}

function settingsOf(prefix: string): Parameters<typeof batchOf>[1] {
  return { kafkaTopicPrefix: prefix, kafkaPartitions: PARTITIONS, kafkaRetentionMs: -1, deploymentName: 'bench', kafkaIncludeText: false };
}

/** Empty where no Kafka can run. */
export async function relayLeg(options: { databaseUrl: string; rounds: number; holds: number }): Promise<LegResult[]> {
  const missing = whatIsMissing();
  if (missing !== null) {
    console.log(`\n(i) left out: ${missing}`);
    return [];
  }
  await writeHolds(options.databaseUrl, ACCOUNTS, options.holds);
  const broker = await TestBroker.start();
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 6 });
  const store = new PostgresEventStore({ pool });
  const patience = kafkaPatience({ kafkaRequestTimeoutMs: 10_000, kafkaSessionTimeoutMs: 6_000 });
  const messaging = new KafkaMessaging(
    { brokers: [broker.address], clientId: 'bench', tls: null, sasl: null, replicationFactor: 1, patience },
    pino({ level: 'silent' }),
  );
  const bench = { pool, store, messaging, address: broker.address };
  try {
    return [await measure(bench, options.rounds)];
  } finally {
    await messaging.close();
    await store.close();
    await pool.end();
    await broker.remove();
  }
}

async function measure(bench: Bench, rounds: number): Promise<LegResult> {
  const batches = await readAhead(bench);
  const facts = batches.reduce((sum, { topics }) => sum + topics.reduce((part, { outgoing }) => part + outgoing.length, 0), 0);
  const bytes = batches.flatMap(({ topics }) => topics.flatMap(({ outgoing }) => outgoing.map(({ message }) => bytesOf(message))));
  const raw: Array<{ relay: number; bare: number }> = [];
  for (let round = 0; round <= rounds; round += 1) {
    const figures = { relay: 0, bare: 0 };
    const relay = async (): Promise<void> => void (figures.relay = facts / (await relaySeconds(bench, `relay${round}`)));
    const bare = async (): Promise<void> => void (figures.bare = facts / (await bareSeconds(bench, `bare${round}`, batches)));
    for (const leg of round % 2 === 0 ? [bare, relay] : [relay, bare]) await leg();
    // The first round warms up both of them and the broker.
    if (round > 0) raw.push(figures);
  }
  const ratio = median(raw.map((round) => round.relay / round.bare));
  const mean = bytes.reduce((sum, size) => sum + size, 0) / bytes.length;
  return {
    leg: 'i',
    title: `facts to Kafka, ${facts.toLocaleString('en')} of them, ${Math.round(mean)} bytes with headers on average, acks from all, idempotent`,
    figures: [
      {
        leg: 'i',
        what: 'relay, from PostgreSQL, checkpoint after each acknowledgement',
        value: median(raw.map(({ relay }) => relay)),
        unit: '/s',
      },
      { leg: 'i', what: 'bare kafkajs producer, the same messages from memory', value: median(raw.map(({ bare }) => bare)), unit: '/s' },
      { leg: 'i', what: 'relay ÷ bare producer', value: ratio, unit: '×', aim: '≥ 0.7', reached: ratio >= 0.7 },
    ],
    raw,
  };
}

/** What the relay would send, batch by batch. */
async function readAhead({ store, pool }: Bench): Promise<Batch[]> {
  const keys = new CachedCustomerKeys(new PostgresKeyVault(pool));
  const batches: Batch[] = [];
  for (let after = POSITION_START, atEnd = false; !atEnd;) {
    const page = await store.readAll({ after, limit: BATCH_FACTS });
    batches.push(await batchOf(page, settingsOf(''), keys));
    ({ position: after, atEnd } = page);
  }
  return batches;
}

async function relaySeconds({ pool, store, messaging }: Bench, prefix: string): Promise<number> {
  const settings = settingsOf(prefix);
  await messaging.ensureTopics(PUBLISHED_CATEGORIES.map((category) => factsTopic(settings, category)));
  await pool.query('UPDATE relay SET position = $1', [POSITION_START]);
  const keys = new CachedCustomerKeys(new PostgresKeyVault(pool));
  const metrics = new RelayMetrics(new Registry());
  const clock = { now: () => Date.now() };
  const relay = new Relay(
    { store, pool, messaging, keys, clock, settings, logger: pino({ level: 'silent' }), metrics },
    { batchSizeMax: BATCH_FACTS },
  );
  const startedAtMs = performance.now();
  relay.start();
  while ((await relay.figures()).lagFacts !== 0) await pause(5);
  const seconds = (performance.now() - startedAtMs) / 1000;
  await relay.stop();
  return seconds;
}

async function bareSeconds({ address, messaging }: Bench, prefix: string, batches: readonly Batch[]): Promise<number> {
  const settings = settingsOf(prefix);
  await messaging.ensureTopics(PUBLISHED_CATEGORIES.map((category) => factsTopic(settings, category)));
  const kafka = new Kafka({ brokers: [address], clientId: 'bare', logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
  const sends = batches.flatMap(({ topics }) =>
    topics.map(({ topic, outgoing }) => ({ topic: `${prefix}${topic}`, messages: outgoing.map(({ message }) => message) })),
  );
  await producer.connect();
  const startedAtMs = performance.now();
  for (const { topic, messages } of sends) await producer.send({ topic, messages, acks: -1, compression: CompressionTypes.None });
  const seconds = (performance.now() - startedAtMs) / 1000;
  await producer.disconnect();
  return seconds;
}

function bytesOf({ key, value, headers }: OutgoingMessage): number {
  const texts = [key, ...(value === null ? [] : [value]), ...Object.entries(headers).flat()];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
