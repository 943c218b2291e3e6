import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationDocument, parseConfig, settings } from '#libs/platform';

const fault = (env: NodeJS.ProcessEnv): string => {
  try {
    parseConfig(env, '/srv');
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('the configuration', () => {
  it('has the documented defaults when the environment says nothing, and an empty variable says nothing', () => {
    const config = parseConfig({ PORT: '', DATABASE_URL: ' ' }, '/srv');
    expect(config).toMatchObject({
      port: 3000,
      internalHost: '127.0.0.1',
      internalPort: 0,
      internalAddress: null,
      dataDir: '/srv/.data',
      databaseUrl: null,
      eventStore: 'postgres',
      eventStoreDbUrl: null,
      eventStoreDbStreamPrefix: 'rollcredits_',
      kafkaBrokers: null,
      kafkaTopicPrefix: 'rollcredits',
      kafkaPartitions: 12,
      kafkaReplicationFactor: null,
      kafkaRetentionMs: 604_800_000,
      kafkaSasl: null,
      fleetHeartbeatMs: 5000,
      fleetLostWorker: 'retry',
      deploymentSecret: null,
      ledgerOrigin: null,
      ledgerSigningKey: null,
      ledgerSigningKeyFile: null,
      adminApiKey: null,
      testClock: false,
      burnOrder: ['subscription', 'purchased', 'promotional', 'referral'],
      lapsedRefund: 'grace',
      graceDays: 7,
      deadlinePolicy: 'release_now',
      lateResult: 'deliver_free',
      overConsumption: 'reject',
      providerJobsMax: {},
      adjustmentLimit: 1000,
      openTasksPerAccountMax: 1000,
      requestsPerSecondMax: 0,
      bodyBytesMax: 1_048_576,
      batchBodyBytesMax: 12_582_912,
      jsonDepthMax: 32,
      promptCharactersMax: 20_000,
      publicUrl: null,
      assetsDir: '/srv/.data/assets',
      assetsS3: null,
      assetsAllowHosts: [],
      assetBytesMax: 2_147_483_648,
      assetTimeoutMs: 300_000,
    });
  });

  it('reads what is set', () => {
    const config = parseConfig(
      {
        PORT: '0',
        DATA_DIR: '/var/rc',
        TEST_CLOCK: 'true',
        BURN_ORDER: 'referral, promotional,purchased,subscription',
        PROVIDER_JOBS_MAX: 'simulator=5, fleet=200',
      },
      '/srv',
    );
    expect(config).toMatchObject({
      port: 0,
      dataDir: '/var/rc',
      testClock: true,
      burnOrder: ['referral', 'promotional', 'purchased', 'subscription'],
      providerJobsMax: { simulator: 5, fleet: 200 },
    });
  });

  it.each([
    'esdb://localhost:2113?tls=false',
    'esdb+discover://admin:changeit@cluster.example:2113?tlsCAFile=/etc/ca.pem&nodePreference=leader',
    'esdb://u:p%40ss@n1:2113,n2:2113,n3:2113',
  ])('takes %s for an EventStoreDB', (url) => {
    const config = parseConfig({ EVENT_STORE: 'eventstoredb', EVENTSTOREDB_URL: url }, '/srv');
    expect(config).toMatchObject({ eventStore: 'eventstoredb', eventStoreDbUrl: url, eventStoreDbStreamPrefix: 'rollcredits_' });
  });

  it('keeps assets beside the embedded PostgreSQL, where it is told, or in a bucket', () => {
    expect(parseConfig({ DATA_DIR: '/var/rc' }, '/srv').assetsDir).toBe('/var/rc/assets');
    expect(parseConfig({ DATA_DIR: '/var/rc', ASSETS_DIR: 'media' }, '/srv').assetsDir).toBe('/srv/media');
    const bucket = { bucket: 'media', endpoint: null, region: 'us-east-1', pathStyle: false };
    expect(parseConfig({ ASSETS_S3_BUCKET: 'media' }, '/srv').assetsS3).toEqual(bucket);
    const own = { ASSETS_S3_BUCKET: 'media', ASSETS_S3_ENDPOINT: 'http://minio:9000/', ASSETS_S3_REGION: 'eu-central-1' };
    expect(parseConfig(own, '/srv').assetsS3).toEqual({
      bucket: 'media',
      endpoint: 'http://minio:9000',
      region: 'eu-central-1',
      pathStyle: true,
    });
    expect(parseConfig({ ...own, ASSETS_S3_PATH_STYLE: '0' }, '/srv').assetsS3?.pathStyle).toBe(false);
    expect(parseConfig({ PUBLIC_URL: 'https://credits.example/' }, '/srv').publicUrl).toBe('https://credits.example');
    const allowed = 'Minio.internal, 10.0.0.5,10.1.0.0/16,fd00::/8,::1';
    expect(parseConfig({ ASSETS_ALLOW_HOSTS: allowed }, '/srv').assetsAllowHosts).toEqual([
      'minio.internal',
      '10.0.0.5',
      '10.1.0.0/16',
      'fd00::/8',
      '::1',
    ]);
  });

  it('cannot be changed afterwards', () => {
    const config = parseConfig({}, '/srv');
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => (config.burnOrder as string[]).push('x')).toThrow(TypeError);
  });

  it.each([
    [{ PORT: '70000' }, 'PORT must be a whole number from 0 to 65,535, not "70000"'],
    [{ PORT: '3e3' }, 'PORT must be a whole number from 0 to 65,535, not "3e3"'],
    [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65,535, not "-1"'],
    [{ TEST_CLOCK: 'yes' }, 'TEST_CLOCK must be 1 or 0 (true and false serve too), not "yes"'],
    [{ EVENT_STORE: 'eventstoredb' }, 'EVENT_STORE=eventstoredb needs EVENTSTOREDB_URL, which says where the log is'],
    [
      { EVENTSTOREDB_URL: 'esdb://h:2113' },
      'EVENTSTOREDB_URL is set, but EVENT_STORE is postgres: set EVENT_STORE=eventstoredb, or leave out the URL',
    ],
    [{ EVENTSTOREDB_STREAM_PREFIX: 'a-b' }, 'EVENTSTOREDB_STREAM_PREFIX must be a letter and up to 63 letters, digits or _, not "a-b"'],
    [{ OVER_CONSUMPTION: 'owe' }, 'OVER_CONSUMPTION must be one of reject, cap, debt, not "owe"'],
    [{ ADJUSTMENT_LIMIT: '-1' }, 'ADJUSTMENT_LIMIT must be a whole number from 0 to 1,000,000,000,000, not "-1"'],
    [
      { BURN_ORDER: 'purchased' },
      'BURN_ORDER must be each of subscription, purchased, promotional, referral once, separated by commas, not "purchased"',
    ],
    [{ KAFKA_BROKERS: 'k:9092, k' }, 'KAFKA_BROKERS must be host:port, several separated by commas, not "k:9092, k"'],
    [{ KAFKA_BROKERS: 'k:70000' }, 'KAFKA_BROKERS must be host:port, several separated by commas, not "k:70000"'],
    [
      { KAFKA_RETENTION_MS: '-2' },
      'KAFKA_RETENTION_MS must be -1 or a whole number of milliseconds from 60,000 to 9,999,999,999,999, not "-2"',
    ],
    [{ KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: 'u' }, 'KAFKA_SASL_MECHANISM needs KAFKA_USERNAME and KAFKA_PASSWORD'],
    [{ KAFKA_PASSWORD: 'p' }, 'KAFKA_USERNAME and KAFKA_PASSWORD mean nothing without KAFKA_SASL_MECHANISM'],
    [{ INTERNAL_ADDRESS: 'http://api-1' }, 'INTERNAL_ADDRESS must be a host name or an IP address, not "http://api-1"'],
    [
      { PROVIDER_JOBS_MAX: 'simulator=5,simulator=6' },
      'PROVIDER_JOBS_MAX must be name=number, several separated by commas, each name once and each number from 1 to 999,999,999, not "simulator=5,simulator=6"',
    ],
    [{ PROVIDER_JOBS_MAX: 'simulator' }, expect.stringContaining('PROVIDER_JOBS_MAX must be name=number')],
    [{ PROVIDER_JOBS_MAX: 'simulator=0' }, expect.stringContaining('PROVIDER_JOBS_MAX must be name=number')],
    [
      { PUBLIC_URL: 'credits.example' },
      'PUBLIC_URL must be http://host:port or https://host:port, perhaps with a path, not "credits.example"',
    ],
    [{ PUBLIC_URL: 'https://u:p@credits.example' }, expect.stringContaining('PUBLIC_URL must be http')],
    [{ PUBLIC_URL: 'https://credits.example/?a' }, expect.stringContaining('PUBLIC_URL must be http')],
    [{ ASSETS_S3_ENDPOINT: 'http://minio:9000' }, 'ASSETS_S3_ENDPOINT and ASSETS_S3_PATH_STYLE mean nothing without ASSETS_S3_BUCKET'],
    [{ ASSETS_ALLOW_HOSTS: '10.0.0.0/33' }, expect.stringContaining('ASSETS_ALLOW_HOSTS must be host names, IP addresses')],
    [{ ASSETS_ALLOW_HOSTS: 'http://minio' }, expect.stringContaining('ASSETS_ALLOW_HOSTS must be')],
    [{ ASSETS_ALLOW_HOSTS: '999.1.1.1' }, expect.stringContaining('ASSETS_ALLOW_HOSTS must be')],
    [{ ASSETS_ALLOW_HOSTS: '10.0.0.1,' }, expect.stringContaining('ASSETS_ALLOW_HOSTS must be')],
    [{ ASSET_BYTES_MAX: '0' }, expect.stringContaining('ASSET_BYTES_MAX must be a whole number from 1 to 5,368,709,120')],
    [{ DEPLOYMENT_SECRET: 'short' }, 'DEPLOYMENT_SECRET must be 32 to 255 visible ASCII characters without a space'],
    [{ BURN_ORDER: 'purchased,purchased,promotional,referral' }, expect.stringContaining('BURN_ORDER must be each of')],
  ])('refuses %j in one sentence', (env, message) => {
    expect(fault(env)).toEqual(message);
  });

  it('names every bad variable at once', () => {
    expect(fault({ PORT: 'x', GRACE_DAYS: '0' })).toMatch(/^PORT must .*; GRACE_DAYS must .*not "0"$/);
  });

  it.each([
    { DATABASE_URL: 'mysql://u:hunter2secret@h/db' },
    { DATABASE_URL: 'hunter2secret' },
    { DATABASE_URL: 'postgres://u:hunter2secret@h:5432' },
    { ADMIN_API_KEY: 'hunter2secret with a space' },
    { EVENTSTOREDB_URL: 'http://u:hunter2secret@h:2113' },
    { EVENTSTOREDB_URL: 'esdb://u:hunter2secret@h:2113?nodePreference=follower' },
    { EVENTSTOREDB_URL: 'esdb://u:hunter2secret@h:2113?tlsVerifyCert=false' },
  ])('never shows a secret', (env) => {
    const message = fault(env);
    expect(message).toMatch(/^(DATABASE_URL|ADMIN_API_KEY|EVENTSTOREDB_URL) must be /);
    expect(message).not.toContain('hunter2secret');
  });

  it('is documented, variable by variable, in docs/configuration.md', () => {
    const file = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'configuration.md');
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, configurationDocument());
    expect(readFileSync(file, 'utf8')).toBe(configurationDocument());
    expect(new Set(settings().map((setting) => setting.name)).size).toBe(settings().length);
  });
});
