// `npm run kafka`: a real Kafka for development, until Ctrl-C; its data go with it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TestBroker } from './broker.js';
import { CHECKOUT, whatIsMissing } from './installation.js';

interface Guard {
  guardKafka(): { end(): Promise<void> };
}

const missing = whatIsMissing();
if (missing !== null) {
  process.stderr.write(`kafka: cannot start here: ${missing} (Debian: apt-get install default-jre-headless maven)\n`);
  process.exit(1);
}
const { guardKafka } = (await import(pathToFileURL(join(CHECKOUT, 'test', 'support', 'kafka-guard.js')).href)) as Guard;
const guard = guardKafka();
// From here on the guard ends the broker, whatever ends this process; a polite end waits for it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void guard.end().then(() => process.exit(0)));
process.stdout.write('Starting Kafka; the first start fetches it.\n');
try {
  const broker = await TestBroker.start();
  process.stdout.write(`KAFKA_BROKERS=${broker.address}\n`);
} catch (error) {
  process.stderr.write(`kafka: ${(error as Error).message}\n`);
  await guard.end();
  process.exit(1);
}
