// Gives a test run a directory for its Kafka brokers and a guard that outlives the run: when the run ends, however it ends, every broker in it is killed.
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const GUARD = 'cat >/dev/null; for file in "$0"/*/broker.pid; do [ -f "$file" ] && kill -9 "$(cat "$file")"; done 2>/dev/null; rm -rf "$0"';

/** Starts no broker: the first spec that needs one does. */
export function guardKafka() {
  const directory = mkdtempSync(join(tmpdir(), 'rollcredits-kafka-'));
  const guard = spawn('sh', ['-c', GUARD, directory], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
  guard.unref();
  guard.stdin.unref();
  process.env.TEST_KAFKA_DIR = directory;
  return {
    /** Resolves when every broker is gone. */
    async end() {
      if (guard.exitCode !== null || guard.signalCode !== null) return;
      guard.ref();
      const ended = new Promise((resolve) => guard.once('exit', resolve));
      guard.stdin.end();
      await ended;
    },
  };
}
