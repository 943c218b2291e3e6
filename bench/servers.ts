// Starts the processes that a leg measures, waits until they serve, and ends each by its id.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '#libs/platform';

export interface Running {
  port: number;
  pid: number;
  /** Resident memory in MB, of this process alone. */
  rssMb(): number;
  stop(): Promise<void>;
}

const dist = join(import.meta.dirname, '..');

/** `path` is under dist/; `probe` is asked until it answers 200; `portName` is the variable that the process reads its port from. */
export async function startServer(path: string, env: Record<string, string>, probe: string, portName = 'PORT'): Promise<Running> {
  const port = await freePort();
  const logFile = join(mkdtempSync(join(tmpdir(), 'rollcredits-bench-log-')), 'log');
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [join(dist, path)], {
    env: { ...process.env, [portName]: String(port), LOG_LEVEL: 'info', ASSETS_DIR: join(dirname(logFile), 'assets'), ...env },
    // The log goes to a file, as in production: a client that read it would spend the server's processor.
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const deadline = Date.now() + 60_000;
  while (!(await answers(`http://127.0.0.1:${port}${probe}`))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`${path} did not start: ${readFileSync(logFile, 'utf8').slice(-4000)}`);
  }
  return {
    port,
    pid: child.pid!,
    rssMb: () => rssMb(child.pid!),
    stop: () => stop(child).then(() => rmSync(dirname(logFile), { recursive: true, force: true })),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).status === 200;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  }
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function rssMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}
