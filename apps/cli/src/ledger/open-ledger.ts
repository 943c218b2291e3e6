// Opens the ledger that the server's configuration names, without a server: beside one that runs, or on an embedded PostgreSQL started for this command.
import { readFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import type pg from 'pg';
import { compose } from '#libs/composition';
import type { CachedCustomerKeys, EventStore } from '#libs/event-store';
import {
  createLogger,
  createPool,
  CUSTOMER_KEYS,
  EVENT_STORE,
  migrate,
  parseConfig,
  startEmbeddedPostgres,
  startupSentence,
  urlFile,
  type Config,
} from '#libs/platform';
import { ProjectionEngine, ProjectionProgress, READ_MODEL_LIST, Rebuilds } from '#libs/projections';
import { ProofTables } from '#libs/proof';
import { CliError, LEDGER_EXIT } from '../exit-codes.js';

export interface OpenLedger {
  config: Config;
  pool: pg.Pool;
  store: EventStore;
  keys: CachedCustomerKeys;
  tables: ProofTables;
  /** Projects here unless a server does. */
  rebuilds: Rebuilds;
}

/** Whatever keeps the ledger from being opened ends the command with {@link LEDGER_EXIT}.unavailable. */
export async function withLedger<Result>(work: (ledger: OpenLedger) => Promise<Result>): Promise<Result> {
  const closing: Array<() => Promise<unknown>> = [];
  try {
    const ledger = await open(closing).catch((error: unknown) => {
      throw new CliError(LEDGER_EXIT.unavailable, startupSentence(error), { code: 'unavailable' });
    });
    return await work(ledger);
  } finally {
    for (const close of closing.reverse()) await close().catch(() => undefined);
  }
}

async function open(closing: Array<() => Promise<unknown>>): Promise<OpenLedger> {
  const config = parseConfig();
  const databaseUrl = config.databaseUrl ?? runningUrl(config) ?? (await startDatabase(config, closing));
  await migrate(databaseUrl);
  const pool = createPool({ databaseUrl, sizeMax: 4, applicationName: 'rollcredits-cli', onError: () => undefined });
  closing.push(() => pool.end());
  const logger = createLogger({ ...config, logLevel: 'silent' }, { process: 'cli' });
  const app = await NestFactory.createApplicationContext(compose({ config, pool, logger, process: 'cli' }, []), {
    logger: false,
    abortOnError: false,
  });
  closing.push(() => app.close());
  const store = app.get<EventStore>(EVENT_STORE);
  const engine = new ProjectionEngine(store, pool, READ_MODEL_LIST, app.get(ProjectionProgress));
  engine.start();
  closing.push(() => engine.stop());
  return {
    config,
    pool,
    store,
    keys: app.get<CachedCustomerKeys>(CUSTOMER_KEYS),
    tables: app.get(ProofTables),
    rebuilds: new Rebuilds(engine, store, pool, READ_MODEL_LIST),
  };
}

/** Of the server that runs on DATA_DIR. */
function runningUrl({ dataDir }: Config): string | null {
  try {
    return readFileSync(urlFile(dataDir), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function startDatabase({ dataDir }: Config, closing: Array<() => Promise<unknown>>): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir });
  closing.push(() => postgres.stop());
  return postgres.url;
}
