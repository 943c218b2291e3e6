// Turns the environment into the one Config of this process, or says in a sentence what is wrong with it; called once by every main.
import 'reflect-metadata';
import { validateSync } from 'class-validator';
import { join, resolve } from 'node:path';
import { StartupError } from '../startup-error.js';
import type { Config } from '../config.js';
import { EnvDto } from './env.dto.js';
import { settings, type Setting } from './setting.js';

/** An empty variable is an absent one. Throws a StartupError that names every bad variable and never shows a secret. */
export function parseConfig(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Config {
  const dto = new EnvDto();
  for (const setting of settings()) {
    const text = env[setting.name]?.trim() || setting.fallback;
    if (text !== null) Object.assign(dto, { [setting.name]: setting.read(text) });
  }
  const bad = new Set(validateSync(dto, { skipUndefinedProperties: true, forbidUnknownValues: true }).map((error) => error.property));
  if (bad.size > 0) {
    const complaints = settings().filter((setting) => bad.has(setting.name));
    throw new StartupError(complaints.map((setting) => complain(setting, env[setting.name] ?? '')).join('; '));
  }
  return toConfig(dto, cwd);
}

const SHOWN_CHARACTERS_MAX = 60;

function complain(setting: Setting, value: string): string {
  const must = `${setting.name} must be ${setting.allowed.replaceAll('`', '')}`;
  if (setting.secret) return must;
  const shown = value.length > SHOWN_CHARACTERS_MAX ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}…` : value;
  return `${must}, not ${JSON.stringify(shown)}`;
}

/** A URL that nothing uses, or a store without one, is a mistake that must not end in two logs. */
function eventStoreDbUrl({ EVENT_STORE, EVENTSTOREDB_URL }: EnvDto): string | null {
  if (EVENT_STORE === 'eventstoredb' && EVENTSTOREDB_URL === undefined)
    throw new StartupError('EVENT_STORE=eventstoredb needs EVENTSTOREDB_URL, which says where the log is');
  if (EVENT_STORE !== 'eventstoredb' && EVENTSTOREDB_URL !== undefined)
    throw new StartupError('EVENTSTOREDB_URL is set, but EVENT_STORE is postgres: set EVENT_STORE=eventstoredb, or leave out the URL');
  return EVENTSTOREDB_URL ?? null;
}

function toConfig(env: EnvDto, cwd: string): Config {
  return Object.freeze({
    port: env.PORT,
    host: env.HOST,
    projectorPort: env.PROJECTOR_PORT,
    orchestratorPort: env.ORCHESTRATOR_PORT,
    relayPort: env.RELAY_PORT,
    internalHost: env.INTERNAL_HOST,
    internalPort: env.INTERNAL_PORT,
    internalAddress: env.INTERNAL_ADDRESS ?? null,
    dataDir: resolve(cwd, env.DATA_DIR),
    databaseUrl: env.DATABASE_URL ?? null,
    eventStore: env.EVENT_STORE,
    eventStoreDbUrl: eventStoreDbUrl(env),
    eventStoreDbStreamPrefix: env.EVENTSTOREDB_STREAM_PREFIX,
    kafkaBrokers: env.KAFKA_BROKERS === undefined ? null : Object.freeze([...env.KAFKA_BROKERS]),
    kafkaTopicPrefix: env.KAFKA_TOPIC_PREFIX,
    kafkaPartitions: env.KAFKA_PARTITIONS,
    kafkaReplicationFactor: env.KAFKA_REPLICATION_FACTOR ?? null,
    kafkaRetentionMs: env.KAFKA_RETENTION_MS,
    kafkaIncludeText: env.KAFKA_INCLUDE_TEXT,
    kafkaTls: env.KAFKA_TLS,
    kafkaTlsCaFile: env.KAFKA_TLS_CA_FILE === undefined ? null : resolve(cwd, env.KAFKA_TLS_CA_FILE),
    kafkaSasl: kafkaSasl(env),
    kafkaRequestTimeoutMs: env.KAFKA_REQUEST_TIMEOUT_MS,
    kafkaSessionTimeoutMs: env.KAFKA_SESSION_TIMEOUT_MS,
    deploymentName: env.DEPLOYMENT_NAME,
    fleetHeartbeatMs: env.FLEET_HEARTBEAT_MS,
    fleetLostWorker: env.FLEET_LOST_WORKER,
    deploymentSecret: env.DEPLOYMENT_SECRET ?? null,
    adminApiKey: env.ADMIN_API_KEY ?? null,
    testClock: env.TEST_CLOCK,
    logLevel: env.LOG_LEVEL,
    burnOrder: Object.freeze([...env.BURN_ORDER]),
    lapsedRefund: env.LAPSED_REFUND,
    graceDays: env.GRACE_DAYS,
    deadlinePolicy: env.DEADLINE_POLICY,
    holdCapHours: env.HOLD_CAP_HOURS,
    lateResult: env.LATE_RESULT,
    overConsumption: env.OVER_CONSUMPTION,
    providerJobsMax: Object.freeze({ ...env.PROVIDER_JOBS_MAX }),
    adjustmentLimit: env.ADJUSTMENT_LIMIT,
    openTasksPerAccountMax: env.OPEN_TASKS_PER_ACCOUNT_MAX,
    requestsPerSecondMax: env.REQUESTS_PER_SECOND_MAX,
    bodyBytesMax: env.BODY_BYTES_MAX,
    batchBodyBytesMax: env.BATCH_BODY_BYTES_MAX,
    jsonDepthMax: env.JSON_DEPTH_MAX,
    promptCharactersMax: env.PROMPT_CHARACTERS_MAX,
    metadataKeysMax: env.METADATA_KEYS_MAX,
    metadataCharactersMax: env.METADATA_CHARACTERS_MAX,
    auditRetentionDays: env.AUDIT_RETENTION_DAYS,
    sessionsMax: env.SESSIONS_MAX,
    snapshotEveryFacts: env.SNAPSHOT_EVERY_FACTS,
    drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
    publicUrl: env.PUBLIC_URL ?? null,
    assetsKeep: env.ASSETS_KEEP,
    assetsDir: resolve(cwd, env.ASSETS_DIR ?? join(env.DATA_DIR, 'assets')),
    assetsS3: assetsS3(env),
    assetsAllowHosts: Object.freeze([...(env.ASSETS_ALLOW_HOSTS ?? [])]),
    assetBytesMax: env.ASSET_BYTES_MAX,
    assetTimeoutMs: env.ASSET_TIMEOUT_MS,
    poolSize: env.POOL_SIZE,
    ledgerOrigin: env.LEDGER_ORIGIN ?? null,
    ledgerSigningKey: env.LEDGER_SIGNING_KEY ?? null,
    ledgerSigningKeyFile: env.LEDGER_SIGNING_KEY_FILE === undefined ? null : resolve(cwd, env.LEDGER_SIGNING_KEY_FILE),
  });
}

function kafkaSasl({ KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username, KAFKA_PASSWORD: password }: EnvDto): Config['kafkaSasl'] {
  if (mechanism === undefined) {
    if (username === undefined && password === undefined) return null;
    throw new StartupError('KAFKA_USERNAME and KAFKA_PASSWORD mean nothing without KAFKA_SASL_MECHANISM');
  }
  if (username === undefined || password === undefined)
    throw new StartupError('KAFKA_SASL_MECHANISM needs KAFKA_USERNAME and KAFKA_PASSWORD');
  return Object.freeze({ mechanism, username, password });
}

function assetsS3(env: EnvDto): Config['assetsS3'] {
  const { ASSETS_S3_BUCKET: bucket, ASSETS_S3_ENDPOINT: endpoint, ASSETS_S3_REGION: region, ASSETS_S3_PATH_STYLE: pathStyle } = env;
  if (bucket === undefined) {
    if (endpoint === undefined && pathStyle === undefined) return null;
    throw new StartupError('ASSETS_S3_ENDPOINT and ASSETS_S3_PATH_STYLE mean nothing without ASSETS_S3_BUCKET');
  }
  return Object.freeze({ bucket, endpoint: endpoint ?? null, region, pathStyle: pathStyle ?? endpoint !== undefined });
}
