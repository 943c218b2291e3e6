// Ends the test run's PostgreSQL, by its id, and removes its directory.
import { rmSync } from 'node:fs';

export default async function teardown() {
  const { server, dir } = globalThis.__testPostgres ?? {};
  if (!server) return;
  await new Promise((resolve) => {
    server.once('exit', resolve);
    server.kill('SIGINT');
  });
  rmSync(dir, { recursive: true, force: true });
}
