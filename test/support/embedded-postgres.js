// A process whose only task is to keep an embedded PostgreSQL, for suites that kill it: node embedded-postgres.js <DATA_DIR> <outside dir>.
import { startEmbeddedPostgres } from '../../dist/libs/platform/src/index.js';

try {
  const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2], outsideDir: process.argv[3] });
  console.log(JSON.stringify({ url: postgres.url, pid: postgres.pid(), directory: postgres.directory }));
  process.once('SIGTERM', () => void postgres.stop().then(() => process.exit(0)));
  setInterval(() => undefined, 60_000);
} catch (error) {
  console.error(error.name === 'StartupError' ? error.message : error);
  process.exit(1);
}
