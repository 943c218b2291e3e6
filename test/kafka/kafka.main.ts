// `npm run kafka`: a real Kafka for development, until Ctrl-C; its data go with it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestBroker } from './broker.js';
import { whatIsMissing } from './installation.js';

const missing = whatIsMissing();
if (missing !== null) {
  process.stderr.write(`kafka: cannot start here: ${missing} (Debian: apt-get install default-jre-headless maven)\n`);
  process.exit(1);
}
const under = mkdtempSync(join(tmpdir(), 'rollcredits-kafka-'));
process.stdout.write('Starting Kafka; the first start fetches it.\n');
try {
  const broker = await TestBroker.start({ under });
  process.stdout.write(`KAFKA_BROKERS=${broker.address}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void broker.stop().then(() => {
        rmSync(under, { recursive: true, force: true });
        process.exit(0);
      });
    });
  }
} catch (error) {
  rmSync(under, { recursive: true, force: true });
  process.stderr.write(`kafka: ${(error as Error).message}\n`);
  process.exit(1);
}
