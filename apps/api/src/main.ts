// 1 HTTP in · `npm run start:api`: the API as a process of its own, against DATABASE_URL; many at a time.
import 'reflect-metadata';
import { compose, externalDatabase, openDatabase } from '#libs/composition';
import { createLogger, parseConfig, runProcess } from '#libs/platform';
import { ApiModule } from './api.module.js';
import { createApi } from './create-api.js';

runProcess('api', async (lifetime) => {
  const config = parseConfig();
  const databaseUrl = externalDatabase(config, 'api');
  const logger = createLogger(config, { process: 'api' });
  lifetime.logger = logger;
  const pool = await openDatabase('api', databaseUrl, config, logger, lifetime);
  const api = await createApi(compose({ config, pool, logger, process: 'api' }, [ApiModule]), { config, logger });
  lifetime.onStop(() => api.close());
  if (api.firstAdminKey !== null) {
    process.stdout.write(`The first administrator's key, shown this once:\n\n  export ROLLCREDITS_API_KEY=${api.firstAdminKey}\n\n`);
  }
  lifetime.goOn();
  const { url } = await api.listen();
  process.stdout.write(`The API listens on ${url}; ${url}/docs describes it.\n`);
});
