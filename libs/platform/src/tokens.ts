// Injection tokens of the parts that every process shares; interfaces have no run-time name of their own.
export const CONFIG = Symbol('Config');
/** pg.Pool of the deployment's PostgreSQL. */
export const PG_POOL = Symbol('PgPool');
/** The deployment's clock: real time, moved by the test clock. */
export const CLOCK = Symbol('Clock');
/** pino. */
export const LOGGER = Symbol('Logger');
/** prom-client Registry. */
export const METRICS = Symbol('Metrics');
/** Readiness: where each part of a process says how it is, and what /readyz shows. */
export const READINESS = Symbol('Readiness');
export const EVENT_STORE = Symbol('EventStore');
/** Snapshots: where sessions keep their states. */
export const SNAPSHOTS = Symbol('Snapshots');
export const CUSTOMER_KEYS = Symbol('CustomerKeys');
/** Sessions<AccountState>. */
export const ACCOUNT_SESSIONS = Symbol('AccountSessions');
/** Sessions<TaskState>. */
export const TASK_SESSIONS = Symbol('TaskSessions');
/** KeyedCommands: idempotency by the log. */
export const KEYED_COMMANDS = Symbol('KeyedCommands');
export const CATALOGUE = Symbol('Catalogue');
/** QuoteStore. */
export const QUOTE_STORE = Symbol('QuoteStore');
export const READ_MODELS = Symbol('ReadModels');
/** ReadonlyMap<string, Provider>. */
export const PROVIDERS = Symbol('Providers');
/** Messaging of #libs/messaging, or null where no KAFKA_BROKERS are configured. */
export const MESSAGING = Symbol('Messaging');
/** DeploymentSecret: what every process of the deployment knows and nobody else. */
export const DEPLOYMENT_SECRET = Symbol('DeploymentSecret');
/** FinanceReads of #libs/finance: what finance asks of the journal. */
export const FINANCE_READS = Symbol('FinanceReads');
/** BillReads of #libs/finance: the lines of provider bills. */
export const BILL_READS = Symbol('BillReads');
/** HeadSource of #libs/finance: the proof's signed head; absent where none is signed. */
export const HEAD_SOURCE = Symbol('HeadSource');
/** StudioReads of #libs/studio: briefs, prompts, clips and the figures of attempts. */
export const STUDIO_READS = Symbol('StudioReads');
/** TaskBriefs of #libs/studio: what submitting a task asks of its brief. */
export const TASK_BRIEFS = Symbol('TaskBriefs');
/** AssetStorage of #libs/assets: where assets are kept. */
export const ASSET_STORAGE = Symbol('AssetStorage');
