// The environment as this product reads it: every variable, once; parse-config.ts validates it, docs/configuration.md is made from it.
import {
  brokers,
  Env,
  eventStoreDbUrl,
  flag,
  httpUrl,
  integer,
  limits,
  matching,
  oneOf,
  orderOf,
  places,
  postgresUrl,
  retention,
} from './setting.js';

export class EnvDto {
  @Env('The TCP port of the HTTP API; 0 takes a free one.', integer(0, 65_535), { fallback: '3000' })
  PORT!: number;

  @Env(
    'The address to listen on; `0.0.0.0` is every IPv4 interface of the machine.',
    matching(/^[A-Za-z0-9.:_-]{1,255}$/, 'a host name or an IP address'),
    {
      fallback: '127.0.0.1',
    },
  )
  HOST!: string;

  @Env('The port of `/healthz`, `/readyz` and `/metrics` of a projector that runs alone.', integer(0, 65_535), { fallback: '3001' })
  PROJECTOR_PORT!: number;

  @Env('The port of `/healthz`, `/readyz` and `/metrics` of an orchestrator that runs alone.', integer(0, 65_535), { fallback: '3002' })
  ORCHESTRATOR_PORT!: number;

  @Env('The port of `/healthz`, `/readyz` and `/metrics` of a relay that runs alone.', integer(0, 65_535), { fallback: '3003' })
  RELAY_PORT!: number;

  @Env(
    'Where a process that owns accounts listens for what other processes of the deployment forward to it; never the public address.',
    matching(/^[A-Za-z0-9.:_-]{1,255}$/, 'a host name or an IP address'),
    { fallback: '127.0.0.1' },
  )
  INTERNAL_HOST!: string;

  @Env('The port for what other processes of the deployment forward; 0 takes a free one.', integer(0, 65_535), { fallback: '0' })
  INTERNAL_PORT!: number;

  @Env(
    'The host name or IP address under which other processes reach `INTERNAL_PORT`. Absent: `INTERNAL_HOST`, or the name of the machine where that is every interface.',
    matching(/^[A-Za-z0-9.:_-]{1,255}$/, 'a host name or an IP address'),
  )
  INTERNAL_ADDRESS?: string;

  @Env(
    'Where the embedded PostgreSQL and what belongs to this installation are kept; relative to the directory of the checkout.',
    matching(/^[^\0]+$/, 'a path'),
    {
      fallback: './.data',
    },
  )
  DATA_DIR!: string;

  @Env('An external PostgreSQL (14 or newer). Absent: `npm start` runs its own under `DATA_DIR`.', postgresUrl(), { secret: true })
  DATABASE_URL?: string;

  @Env(
    'What keeps the log of facts: the same PostgreSQL as everything else, or an EventStoreDB (KurrentDB) server or cluster under `EVENTSTOREDB_URL`. A deployment stays with the one it began with.',
    oneOf('postgres', 'eventstoredb'),
    { fallback: 'postgres' },
  )
  EVENT_STORE!: 'postgres' | 'eventstoredb';

  @Env('Where the EventStoreDB of `EVENT_STORE=eventstoredb` is. Appends and reads go to its leader.', eventStoreDbUrl(), { secret: true })
  EVENTSTOREDB_URL?: string;

  @Env(
    'What the names of all streams of this deployment begin with in EventStoreDB, so that several deployments can share a server.',
    matching(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'a letter and up to 63 letters, digits or `_`'),
    { fallback: 'rollcredits_' },
  )
  EVENTSTOREDB_STREAM_PREFIX!: string;

  @Env(
    'The Kafka brokers that the relay publishes to and worker fleets are reached through, as `host:port,host:port`. Absent: neither relay nor fleets.',
    brokers(),
  )
  KAFKA_BROKERS?: string[];

  @Env('What the names of all Kafka topics begin with.', matching(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, `_` or `-`'), {
    fallback: 'rollcredits',
  })
  KAFKA_TOPIC_PREFIX!: string;

  @Env('How many partitions a topic is made with. What stands there already is left as it is.', integer(1, 10_000), { fallback: '12' })
  KAFKA_PARTITIONS!: number;

  @Env("How many brokers keep a copy of each topic that is made. Absent: the cluster's own default.", integer(1, 15))
  KAFKA_REPLICATION_FACTOR?: number;

  @Env('How long a topic of facts keeps them, in milliseconds, where it is made; `-1` keeps them for ever.', retention(), {
    fallback: '604800000',
  })
  KAFKA_RETENTION_MS!: number;

  @Env('`1` publishes personal text (names, prompts, metadata) with the facts, as far as it was not erased.', flag(), { fallback: '0' })
  KAFKA_INCLUDE_TEXT!: boolean;

  @Env('`1` speaks TLS to Kafka.', flag(), { fallback: '0' })
  KAFKA_TLS!: boolean;

  @Env(
    "A PEM file with the authority that signed the brokers' certificates. Absent: those that Node.js trusts.",
    matching(/^[^\0]+$/, 'a path'),
  )
  KAFKA_TLS_CA_FILE?: string;

  @Env(
    'How this deployment proves to Kafka who it is, with `KAFKA_USERNAME` and `KAFKA_PASSWORD`. Absent: not at all.',
    oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
  )
  KAFKA_SASL_MECHANISM?: 'plain' | 'scram-sha-256' | 'scram-sha-512';

  @Env('The user name for `KAFKA_SASL_MECHANISM`.', matching(/^\S{1,255}$/, '1 to 255 characters without a space'))
  KAFKA_USERNAME?: string;

  @Env('The password for `KAFKA_SASL_MECHANISM`.', matching(/^.{1,1024}$/, '1 to 1,024 characters'), { secret: true })
  KAFKA_PASSWORD?: string;

  @Env('How long one request to Kafka may take, in milliseconds.', integer(100, 600_000), { fallback: '10000' })
  KAFKA_REQUEST_TIMEOUT_MS!: number;

  @Env(
    "After how many milliseconds of silence Kafka gives a consumer's partitions to others. The brokers refuse less than their `group.min.session.timeout.ms` (6,000 unless changed).",
    integer(500, 300_000),
    { fallback: '6000' },
  )
  KAFKA_SESSION_TIMEOUT_MS!: number;

  @Env(
    'What this deployment is called in the `ce_source` of what it publishes.',
    matching(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, `.`, `_` or `-`'),
    {
      fallback: 'default',
    },
  )
  DEPLOYMENT_NAME!: string;

  @Env(
    'How often a worker of a fleet says that it is at work, in milliseconds; after three times that without a word its attempt is lost.',
    integer(100, 600_000),
    { fallback: '5000' },
  )
  FLEET_HEARTBEAT_MS!: number;

  @Env(
    'What becomes of a task whose fleet worker was lost: `retry` gives it to another worker while attempts and time are left, `fail` refunds it at once (for workers whose work costs money twice).',
    oneOf('retry', 'fail'),
    { fallback: 'retry' },
  )
  FLEET_LOST_WORKER!: 'retry' | 'fail';

  @Env(
    'Known to every process of the deployment and to nobody else: signs the jobs of worker fleets and what processes forward to each other. Absent: one is made at the first start and kept in the database.',
    matching(/^[\x21-\x7e]{32,255}$/, '32 to 255 visible ASCII characters without a space'),
    { secret: true },
  )
  DEPLOYMENT_SECRET?: string;

  @Env(
    "The first administrator's API key. Absent: one is made at the first start, printed once and kept only as a hash.",
    matching(/^[\x21-\x7e]{8,255}$/, '8 to 255 visible ASCII characters without a space'),
    { secret: true },
  )
  ADMIN_API_KEY?: string;

  @Env('`1` lets an administrator move the clock of the deployment forward (`POST /v1/test-clock`). Never for production.', flag(), {
    fallback: '0',
  })
  TEST_CLOCK!: boolean;

  @Env(
    'How much is logged; lines are JSON on standard error, standard output is for people.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    {
      fallback: 'info',
    },
  )
  LOG_LEVEL!: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

  @Env('Which bucket is spent first.', orderOf('subscription', 'purchased', 'promotional', 'referral'), {
    fallback: 'subscription,purchased,promotional,referral',
  })
  BURN_ORDER!: Array<'subscription' | 'purchased' | 'promotional' | 'referral'>;

  @Env(
    'What a refund becomes whose grant has lapsed meanwhile: `grace` reissues it in the same bucket for `GRACE_DAYS`, `expire` books a refund and an expiry.',
    oneOf('grace', 'expire'),
    { fallback: 'grace' },
  )
  LAPSED_REFUND!: 'grace' | 'expire';

  @Env('How many days a reissued refund stays valid.', integer(1, 3_650), { fallback: '7' })
  GRACE_DAYS!: number;

  @Env(
    'What happens at a deadline without a verdict: `release_now` refunds the customer, `hold_until_verdict` keeps holding for at most `HOLD_CAP_HOURS`.',
    oneOf('release_now', 'hold_until_verdict'),
    { fallback: 'release_now' },
  )
  DEADLINE_POLICY!: 'release_now' | 'hold_until_verdict';

  @Env('The longest hold past a deadline, with `DEADLINE_POLICY=hold_until_verdict`.', integer(1, 8_760), { fallback: '24' })
  HOLD_CAP_HOURS!: number;

  @Env(
    'What a success after the refund is worth: `deliver_free` hands it over, `offer` lets the customer accept it at the quoted price, `discard` drops it.',
    oneOf('deliver_free', 'offer', 'discard'),
    { fallback: 'deliver_free' },
  )
  LATE_RESULT!: 'deliver_free' | 'offer' | 'discard';

  @Env(
    'What happens when more was used than was held: `reject` refuses it, `cap` consumes what was held, `debt` consumes what was held and makes the rest debt, which later purchases repay first.',
    oneOf('reject', 'cap', 'debt'),
    { fallback: 'reject' },
  )
  OVER_CONSUMPTION!: 'reject' | 'cap' | 'debt';

  @Env('The most credits, plus or minus, that one adjustment may move without a second person’s approval.', integer(0, 1_000_000_000_000), {
    fallback: '1000',
  })
  ADJUSTMENT_LIMIT!: number;

  @Env(
    'How many jobs may run at a provider at once over the whole deployment, as `simulator=50,fleet=200`; the rest wait, each account for its fair share. Absent for a provider: what its adapter declares.',
    limits(),
  )
  PROVIDER_JOBS_MAX?: Record<string, number>;

  @Env('How many tasks of one account may be open at once.', integer(1, 1_000_000), { fallback: '1000' })
  OPEN_TASKS_PER_ACCOUNT_MAX!: number;

  @Env('Requests a second for each API key; 0 is no limit.', integer(0, 1_000_000), { fallback: '0' })
  REQUESTS_PER_SECOND_MAX!: number;

  @Env('The largest body of a request, in bytes.', integer(1_024, 104_857_600), { fallback: '1048576' })
  BODY_BYTES_MAX!: number;

  @Env('The largest body of `POST /v1/tasks/batch`, in bytes.', integer(1_024, 1_073_741_824), { fallback: '12582912' })
  BATCH_BODY_BYTES_MAX!: number;

  @Env('How deep the JSON of a body may be nested.', integer(1, 1_000), { fallback: '32' })
  JSON_DEPTH_MAX!: number;

  @Env('The longest prompt, in characters.', integer(1, 1_000_000), { fallback: '20000' })
  PROMPT_CHARACTERS_MAX!: number;

  @Env('How many keys the `metadata` of a task may have.', integer(0, 1_000), { fallback: '50' })
  METADATA_KEYS_MAX!: number;

  @Env('The longest value in `metadata`, in characters.', integer(1, 100_000), { fallback: '500' })
  METADATA_CHARACTERS_MAX!: number;

  @Env('How many days an entry of the audit is kept.', integer(1, 36_500), { fallback: '400' })
  AUDIT_RETENTION_DAYS!: number;

  @Env('How many streams (accounts, tasks) are kept in memory at once; the least recently used leave.', integer(100, 10_000_000), {
    fallback: '20000',
  })
  SESSIONS_MAX!: number;

  @Env('A snapshot of a stream is written after this many facts.', integer(10, 1_000_000), { fallback: '500' })
  SNAPSHOT_EVERY_FACTS!: number;

  @Env('How long a stopping process may take to finish the requests that it has, in milliseconds.', integer(0, 600_000), {
    fallback: '10000',
  })
  DRAIN_TIMEOUT_MS!: number;

  @Env(
    'The name under which the heads of the log are signed. Absent: `rollcredits.local/<deployment id>`. Never to change.',
    matching(/^[^\s+]{1,255}$/u, '1 to 255 characters without white space and `+`'),
  )
  LEDGER_ORIGIN?: string;

  @Env(
    'What signs the heads of the log: the PKCS#8 PEM of an Ed25519 private key (line ends may be written `\\n`). The same for every process.',
    matching(/^-----BEGIN PRIVATE KEY-----/, 'a PEM that begins with `-----BEGIN PRIVATE KEY-----`'),
    { secret: true },
  )
  LEDGER_SIGNING_KEY?: string;

  @Env(
    'A file with that PEM. Absent, as `LEDGER_SIGNING_KEY`: a key made at the first start, `ledger.key` in `DATA_DIR`.',
    matching(/^[^\0]+$/, 'a path'),
  )
  LEDGER_SIGNING_KEY_FILE?: string;

  @Env(
    'Where the API is reached from outside: what the URLs of stored assets begin with. Absent: they are relative to the API, as `/v1/assets/…`.',
    httpUrl(),
  )
  PUBLIC_URL?: string;

  @Env(
    'Which assets are copied before their maker takes them away: `all`, only those of tasks with a brief (`briefs`), or `none`. What completes meanwhile is not copied later.',
    oneOf('all', 'briefs', 'none'),
    { fallback: 'all' },
  )
  ASSETS_KEEP!: 'all' | 'briefs' | 'none';

  @Env(
    'Where assets are kept, and where they are put together on their way to `ASSETS_S3_BUCKET`; relative to the directory of the checkout. Processes on several machines need one that they share, or a bucket. Absent: `assets` in `DATA_DIR`.',
    matching(/^[^\0]+$/, 'a path'),
  )
  ASSETS_DIR?: string;

  @Env(
    'The bucket of Amazon S3, or of a storage that speaks its language, where assets are kept instead; credentials come from the usual `AWS_…` variables. Absent: `ASSETS_DIR`.',
    matching(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'the name of a bucket'),
  )
  ASSETS_S3_BUCKET?: string;

  @Env('Where that storage is, unless it is Amazon S3 itself.', httpUrl())
  ASSETS_S3_ENDPOINT?: string;

  @Env('The region of the bucket.', matching(/^[a-z0-9][a-z0-9-]{0,63}$/, 'the name of a region'), { fallback: 'us-east-1' })
  ASSETS_S3_REGION!: string;

  @Env(
    '`1` names the bucket in the path, `0` in the host of requests. Absent: in the path exactly where `ASSETS_S3_ENDPOINT` is set.',
    flag(),
  )
  ASSETS_S3_PATH_STYLE?: boolean;

  @Env(
    'Assets are copied from public addresses only, and from these: host names, IP addresses and networks such as `10.1.0.0/16`, separated by commas.',
    places(),
  )
  ASSETS_ALLOW_HOSTS?: string[];

  @Env('The largest asset that is copied, in bytes.', integer(1, 5_368_709_120), { fallback: '2147483648' })
  ASSET_BYTES_MAX!: number;

  @Env('How long copying one asset may take, in milliseconds.', integer(100, 86_400_000), { fallback: '300000' })
  ASSET_TIMEOUT_MS!: number;

  @Env('How many connections to PostgreSQL one process keeps, beside the one that appends.', integer(2, 1_000), { fallback: '10' })
  POOL_SIZE!: number;
}
