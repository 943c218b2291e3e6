// Everything that the environment decides, parsed and validated once at boot; every name stands in docs/configuration.md.
export interface Config {
  port: number;
  host: string;
  /** Of the health and metrics of a projector or orchestrator that runs as a process of its own. */
  projectorPort: number;
  orchestratorPort: number;
  relayPort: number;
  /** Where an owner of accounts listens for other processes of the deployment. */
  internalHost: string;
  internalPort: number;
  /** A host; null: that of `internalHost`, or the machine's name. */
  internalAddress: string | null;
  /** Absolute. */
  dataDir: string;
  /** Null: an embedded PostgreSQL under dataDir. Secret. */
  databaseUrl: string | null;
  eventStore: 'postgres' | 'eventstoredb';
  /** `esdb://…`; null: the log is in PostgreSQL. Secret. */
  eventStoreDbUrl: string | null;
  eventStoreDbStreamPrefix: string;
  /** `host:port` each; null: no relay and no worker fleets. */
  kafkaBrokers: readonly string[] | null;
  kafkaTopicPrefix: string;
  kafkaPartitions: number;
  /** Null: the cluster's own. */
  kafkaReplicationFactor: number | null;
  /** -1 keeps for ever. */
  kafkaRetentionMs: number;
  kafkaIncludeText: boolean;
  kafkaTls: boolean;
  /** Absolute. */
  kafkaTlsCaFile: string | null;
  kafkaSasl: Readonly<{ mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; /** Secret. */ password: string }> | null;
  kafkaRequestTimeoutMs: number;
  kafkaSessionTimeoutMs: number;
  deploymentName: string;
  fleetHeartbeatMs: number;
  fleetLostWorker: 'retry' | 'fail';
  /** Secret; null: the one that the database keeps (see deploymentSecret). */
  deploymentSecret: string | null;
  /** Secret; null: one is made at first start. */
  adminApiKey: string | null;
  testClock: boolean;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  burnOrder: ReadonlyArray<'subscription' | 'purchased' | 'promotional' | 'referral'>;
  lapsedRefund: 'grace' | 'expire';
  graceDays: number;
  deadlinePolicy: 'release_now' | 'hold_until_verdict';
  holdCapHours: number;
  lateResult: 'deliver_free' | 'offer' | 'discard';
  overConsumption: 'reject' | 'cap' | 'debt';
  /** By provider id; none for a provider: as its adapter declares. */
  providerJobsMax: Readonly<Record<string, number>>;
  /** Adjustments of more credits than this, plus or minus, need a second person. */
  adjustmentLimit: number;
  openTasksPerAccountMax: number;
  /** Requests a second per key; 0 is no limit. */
  requestsPerSecondMax: number;
  bodyBytesMax: number;
  batchBodyBytesMax: number;
  jsonDepthMax: number;
  promptCharactersMax: number;
  metadataKeysMax: number;
  metadataCharactersMax: number;
  auditRetentionDays: number;
  sessionsMax: number;
  snapshotEveryFacts: number;
  drainTimeoutMs: number;
  /** Without a slash at its end; null: URLs of ours are relative. */
  publicUrl: string | null;
  /** Which assets are copied. */
  assetsKeep: 'all' | 'briefs' | 'none';
  /** Absolute. */
  assetsDir: string;
  /** Null: assets are kept in assetsDir. Credentials are the usual AWS variables'. */
  assetsS3: Readonly<{ bucket: string; /** Null: Amazon's. */ endpoint: string | null; region: string; pathStyle: boolean }> | null;
  /** Hosts, addresses and networks that need not be public; lower case. */
  assetsAllowHosts: readonly string[];
  assetBytesMax: number;
  assetTimeoutMs: number;
  /** PostgreSQL connections of one process beside the append connection. */
  poolSize: number;
  /** Null: `rollcredits.local/<deployment id>`. */
  ledgerOrigin: string | null;
  /** Secret; PKCS#8 PEM. */
  ledgerSigningKey: string | null;
  /** Absolute. */
  ledgerSigningKeyFile: string | null;
}
