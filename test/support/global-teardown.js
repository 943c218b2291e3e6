// Ends the test run's PostgreSQL and Kafka, by their ids, and removes their directories and that of assets.
import { rmSync } from 'node:fs';

export default async function teardown() {
  await globalThis.__testKafka?.end();
  const { server, dir, assets } = globalThis.__testPostgres ?? {};
  if (!server) return;
  if (server.exitCode === null && server.signalCode === null) {
    // Without the reference nothing keeps this process here, and it would end before the report and the exit code are out.
    server.ref();
    await new Promise((resolve) => {
      server.once('exit', resolve);
      server.kill('SIGINT');
    });
  }
  for (const one of [dir, assets]) rmSync(one, { recursive: true, force: true });
}
