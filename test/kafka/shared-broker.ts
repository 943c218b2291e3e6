// The one broker that all specs of a run share: the first to ask starts it, the run's end stops it (see test/support/kafka-guard.js).
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/until.js';
import { isAlive, TestBroker } from './broker.js';

interface Shared {
  address: string;
  pid: number;
}

/** `host:port`. */
export async function sharedBroker(): Promise<string> {
  const directory = process.env['TEST_KAFKA_DIR'];
  if (directory === undefined) throw new Error('TEST_KAFKA_DIR is not set: run the suite through `npm test`');
  const note = join(directory, 'shared.json');
  return alone(join(directory, 'shared.lock'), async () => {
    if (existsSync(note)) {
      const { address, pid } = JSON.parse(readFileSync(note, 'utf8')) as Shared;
      if (isAlive(pid)) return address;
    }
    const broker = await TestBroker.start();
    writeFileSync(note, JSON.stringify({ address: broker.address, pid: broker.pid! } satisfies Shared));
    broker.unref();
    return broker.address;
  });
}

/** One process of the run at a time; the lock of one that died is taken. */
async function alone<Result>(lock: string, work: () => Promise<Result>): Promise<Result> {
  await until(() => take(lock), { withinMs: 240_000, everyMs: 50, what: () => 'the broker that another suite starts' });
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx');
    writeFileSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch {
    // Made but not written yet reads as nobody's for a moment: only a dead owner's lock is removed.
    const owner = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
    if (owner > 0 && !isAlive(owner)) rmSync(lock, { force: true });
    return false;
  }
}
