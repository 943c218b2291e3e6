// How a spec gets at a real Kafka: `describeKafka` where one can run, a skipped suite that says why where not.
import { afterAll, beforeAll, describe } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { pino, type Logger } from 'pino';
import { KafkaMessaging, type KafkaPatience, type KafkaSettings } from '#libs/messaging';
import { TestBroker, type BrokerOptions } from './broker.js';
import { whatIsMissing } from './installation.js';
import { sharedBroker } from './shared-broker.js';

/** As patient as a test can wait for. */
export const IMPATIENT: KafkaPatience = {
  connectionTimeoutMs: 1_000,
  requestTimeoutMs: 2_000,
  sendRetries: 2,
  pingTimeoutMs: 1_000,
  sessionTimeoutMs: 1_500,
  fetchWaitMs: 50,
  silenceMaxMs: 10_000,
  backoff: { firstMs: 50, maxMs: 500 },
};

/** For who judges and is not on trial: as slow as a busy machine may be. */
export const PATIENT: Partial<KafkaPatience> = {
  connectionTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  sendRetries: 10,
  pingTimeoutMs: 10_000,
  sessionTimeoutMs: 20_000,
  silenceMaxMs: 30_000,
};

export interface KafkaForSpec {
  /** `host:port`. */
  brokers(): string;
  /** What this spec's topic names begin with; no other spec has it. */
  prefix: string;
  /** For processes: KAFKA_BROKERS, KAFKA_TOPIC_PREFIX and settings that suit one broker on a busy machine. */
  env(): Record<string, string>;
  /** A client with short time-outs unless it is told others; closed after the spec. */
  messaging(patience?: Partial<KafkaPatience>, logger?: Logger): KafkaMessaging;
  /** A broker of the spec's own, to be killed and paused; removed after the spec. */
  ownBroker(options?: BrokerOptions): Promise<TestBroker>;
  /** The same, not yet started. */
  preparedBroker(options?: BrokerOptions): Promise<TestBroker>;
}

export function kafkaSettingsFor(brokers: string, patience: Partial<KafkaPatience> = {}): KafkaSettings {
  return {
    brokers: [brokers],
    clientId: 'test',
    tls: null,
    sasl: null,
    replicationFactor: 1,
    patience: { ...IMPATIENT, ...patience },
  };
}

/**
 * A suite on a real Kafka. With `{ shared: false }` it brings brokers of its own and the shared one is not started.
 * Where Java or Maven is missing the suite is skipped, and its name says so.
 */
export function describeKafka(name: string, body: (kafka: KafkaForSpec) => void, options: { shared?: boolean } = {}): void {
  const missing = whatIsMissing();
  if (missing !== null) {
    describe.skip(`${name} (skipped: ${missing})`, () => body(specKafka(() => '')));
    return;
  }
  describe(name, () => {
    let address: string | null = null;
    const open: Array<() => Promise<void>> = [];
    const kafka = specKafka(() => {
      if (address === null) throw new Error('the shared broker is there from beforeAll on');
      return address;
    }, open);
    if (options.shared !== false) {
      beforeAll(async () => {
        address = await sharedBroker();
      }, 300_000);
    }
    afterAll(async () => {
      for (const close of open.reverse()) await close();
    });
    body(kafka);
  });
}

function specKafka(brokers: () => string, open: Array<() => Promise<void>> = []): KafkaForSpec {
  const prefix = `t${randomBytes(5).toString('hex')}`;
  const kept = async (making: Promise<TestBroker>): Promise<TestBroker> => {
    const broker = await making;
    open.push(() => broker.remove());
    return broker;
  };
  return {
    brokers,
    prefix,
    env: () => ({
      KAFKA_BROKERS: brokers(),
      KAFKA_TOPIC_PREFIX: prefix,
      KAFKA_PARTITIONS: '3',
      // The shared broker is never away, only busy: what it was slow to acknowledge would be another attempt.
      KAFKA_REQUEST_TIMEOUT_MS: '20000',
      KAFKA_SESSION_TIMEOUT_MS: '6000',
    }),
    messaging(patience = {}, logger = pino({ level: 'silent' })) {
      const messaging = new KafkaMessaging(kafkaSettingsFor(brokers(), patience), logger);
      open.push(() => messaging.close());
      return messaging;
    },
    ownBroker: (options) => kept(TestBroker.start(options)),
    preparedBroker: (options) => kept(TestBroker.prepare(options)),
  };
}
