// A port for a process that a spec starts: from below those that the kernel gives away, so that it is still free when the process takes it.
import { createServer } from 'node:net';

/** Linux gives out 32768 and above, for each connection and each listener without a wish. */
const FIRST = 20_000;
const COUNT = 12_000;
/** Suites that run at once have a part each. */
const PARTS = 12;

const given = new Set<number>();

export async function freePort(): Promise<number> {
  const part = Number(process.env['JEST_WORKER_ID'] ?? 0) % PARTS;
  for (;;) {
    const port = FIRST + part * (COUNT / PARTS) + Math.floor(Math.random() * (COUNT / PARTS));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // Without an address, as servers and brokers listen.
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
