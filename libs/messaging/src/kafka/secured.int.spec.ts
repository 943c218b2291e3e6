import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { BrokerUnavailable, KafkaMessaging, kafkaSettings } from '#libs/messaging';
import { parseConfig } from '#libs/platform';
import type { TestBroker } from '../../../../test/kafka/broker.js';
import { describeKafka, IMPATIENT, PATIENT } from '../../../../test/kafka/describe-kafka.js';
import { run } from '../../../../test/kafka/installation.js';
import { until } from '../../../../test/support/until.js';

const STORE_PASSWORD = 'changeit';
const USER = 'ada';
const PASSWORD = 'a-secret-of-ada';
const LOGIN = 'org.apache.kafka.common.security';

describeKafka(
  'Kafka behind TLS and a password',
  (kafka) => {
    const directory = mkdtempSync(join(tmpdir(), 'rollcredits-tls-'));
    const authority = join(directory, 'ca.pem');
    let broker: TestBroker;

    beforeAll(async () => {
      const store = ['-alias', 'broker', '-keystore', join(directory, 'broker.p12'), '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD];
      const name = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-validity', '30'];
      await run('keytool', ['-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', ...name, ...store], directory);
      await run('keytool', ['-exportcert', '-rfc', '-file', authority, ...store], directory);
      broker = await kafka.ownBroker({
        formatWords: ['256', '512'].flatMap((bits) => ['--add-scram', `SCRAM-SHA-${bits}=[name=${USER},password=${PASSWORD}]`]),
        properties: {
          listeners: 'SASL_SSL://127.0.0.1:{PORT},CONTROLLER://127.0.0.1:{CONTROLLER_PORT}',
          'advertised.listeners': 'SASL_SSL://127.0.0.1:{PORT}',
          'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
          'inter.broker.listener.name': 'SASL_SSL',
          'sasl.mechanism.inter.broker.protocol': 'PLAIN',
          'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
          'listener.name.sasl_ssl.plain.sasl.jaas.config': `${LOGIN}.plain.PlainLoginModule required username="broker" password="own" user_broker="own" user_${USER}="${PASSWORD}";`,
          'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${LOGIN}.scram.ScramLoginModule required;`,
          'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${LOGIN}.scram.ScramLoginModule required;`,
          'ssl.keystore.location': join(directory, 'broker.p12'),
          'ssl.keystore.type': 'PKCS12',
          'ssl.keystore.password': STORE_PASSWORD,
          'ssl.key.password': STORE_PASSWORD,
          'ssl.truststore.location': authority,
          'ssl.truststore.type': 'PEM',
        },
      });
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    /** As a process reads its settings. */
    const messaging = (env: Record<string, string>): KafkaMessaging => {
      const config = parseConfig({ KAFKA_BROKERS: broker.address, KAFKA_TLS: '1', KAFKA_TLS_CA_FILE: authority, ...env }, directory);
      return new KafkaMessaging({ ...kafkaSettings(config, 'test')!, patience: { ...IMPATIENT, ...PATIENT } }, pino({ level: 'silent' }));
    };

    it.each(['plain', 'scram-sha-256', 'scram-sha-512'])('is spoken to with %s', async (mechanism) => {
      const client = messaging({ KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: USER, KAFKA_PASSWORD: PASSWORD });
      const topic = `${kafka.prefix}.${mechanism}`;
      await client.ensureTopics([{ name: topic, partitions: 1, retentionMs: -1 }]);
      await client.producer('p').send(topic, [{ key: 'k', value: 'v', headers: {} }]);
      const seen: string[] = [];
      client.consume({
        groupId: mechanism,
        topics: [topic],
        handle: async (messages) => void seen.push(...messages.map(({ value }) => value!.toString())),
      });
      await until(() => seen.length > 0);
      expect(seen).toEqual(['v']);
      await client.close();
    });

    it.each([
      ['another password', { KAFKA_SASL_MECHANISM: 'scram-sha-256', KAFKA_USERNAME: USER, KAFKA_PASSWORD: 'wrong-hunter2' }],
      ['no password', {}],
      ['no TLS', { KAFKA_TLS: '0', KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: USER, KAFKA_PASSWORD: PASSWORD }],
    ])('refuses %s, and that is told without the password', async (_what, env) => {
      const client = messaging(env);
      const failure = await client.ping().then(
        () => null,
        (error: unknown) => error as Error,
      );
      expect(failure).toBeInstanceOf(BrokerUnavailable);
      expect(failure!.message).not.toContain('hunter2');
      expect(failure!.message).not.toContain(PASSWORD);
      await client.close();
    });

    it('names an authority’s file that cannot be read', () => {
      const config = parseConfig({ KAFKA_BROKERS: 'k:9092', KAFKA_TLS: '1', KAFKA_TLS_CA_FILE: 'none.pem' }, directory);
      expect(() => kafkaSettings(config, 'test')).toThrow(`KAFKA_TLS_CA_FILE ${join(directory, 'none.pem')} cannot be read (ENOENT)`);
    });
  },
  { shared: false },
);
