// 1–6 · `npm start`: every role of the deployment in one process, on an embedded PostgreSQL unless DATABASE_URL names another; the relay where KAFKA_BROKERS are set.
import 'reflect-metadata';
import { createServer } from 'node:net';
import { ApiModule, createApi } from '#apps/api';
import { OrchestratorModule } from '#apps/orchestrator';
import { ProjectorModule } from '#apps/projector';
import { RelayModule } from '#apps/relay';
import { compose, openDatabase } from '#libs/composition';
import { createLogger, parseConfig, runProcess, startEmbeddedPostgres, type Config, type Lifetime } from '#libs/platform';
import type { Logger } from 'pino';
import { newKeyLines, welcomeLines } from './welcome.js';

runProcess('rollcredits', async (lifetime) => {
  const config = parseConfig();
  const logger = createLogger(config, { process: 'standalone' });
  lifetime.logger = logger;
  await assertPortFree(config);
  const databaseUrl = config.databaseUrl ?? (await startDatabase(config, logger, lifetime));
  lifetime.goOn();
  const pool = await openDatabase('standalone', databaseUrl, config, logger, lifetime);
  const root = compose({ config, pool, logger, process: 'standalone' }, [
    ApiModule,
    ProjectorModule,
    OrchestratorModule,
    ...(config.kafkaBrokers === null ? [] : [RelayModule]),
  ]);
  const api = await createApi(root, { config, logger });
  lifetime.onStop(() => api.close());
  if (api.firstAdminKey !== null) process.stdout.write(newKeyLines(api.firstAdminKey));
  lifetime.goOn();
  const { url } = await api.listen();
  process.stdout.write(welcomeLines({ url, keptIn: keptIn(config), testClock: config.testClock }));
});

/** Where the facts are and, where they are apart, the rows made of them; without a secret. */
function keptIn({ databaseUrl, dataDir, eventStoreDbUrl }: Config): string {
  const database = databaseUrl === null ? `${dataDir} (embedded PostgreSQL)` : `PostgreSQL at ${new URL(databaseUrl).host}`;
  if (eventStoreDbUrl === null) return `Facts are kept in ${database}.`;
  // A cluster's URL names several hosts, which URL does not read.
  const hosts = /^[^:]+:\/\/(?:[^@/?]*@)?([^/?]*)/.exec(eventStoreDbUrl)?.[1] ?? '';
  return `Facts are kept in EventStoreDB at ${hosts}, what is read in ${database}.`;
}

async function startDatabase(config: Config, logger: Logger, lifetime: Lifetime): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    say: (line) => process.stdout.write(`${line}\n`),
    onChange: ({ up, detail }) => (up ? logger.info(detail) : logger.error(detail)),
  });
  lifetime.onStop(() => postgres.stop());
  return postgres.url;
}

/** Asked before anything is started or made: whoever forgot a running server learns it at once. */
function assertPortFree({ host, port }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
