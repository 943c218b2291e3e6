// The real server as a child process in a group of its own: started, killed, started again.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { until } from './until.js';

export { freePort };

export const ADMIN_KEY = `rc_${'e'.repeat(40)}`;

const dist = join(import.meta.dirname, '..', '..', 'dist');

export class ServerProcess {
  private child: ChildProcess | null = null;
  output = '';

  constructor(
    readonly port: number,
    private readonly env: Record<string, string>,
    private readonly main = 'apps/standalone/src/main.js',
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(dist, this.main)], {
      env: { ...process.env, PORT: String(this.port), ADMIN_API_KEY: ADMIN_KEY, LOG_LEVEL: 'warn', ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child = child;
    const remember = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', remember);
    child.stderr.on('data', remember);
    let isClosed = false;
    child.once('close', () => (isClosed = true));
    await until(
      async () => {
        // Its last words may come after its end.
        if (isClosed) throw new Error(`the server ended at start: ${this.output}`);
        if (child.exitCode !== null || child.signalCode !== null) return false;
        const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(10_000) }).catch(() => null);
        return response?.status === 200;
      },
      { withinMs: 120_000, what: () => `the server to be ready: ${this.output}` },
    );
  }

  /** SIGKILL to the whole group: no handler runs, the database goes too. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    // A paused process would never hear of it.
    this.resume();
    await this.end('SIGTERM');
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('the server does not run');
    return this.child.pid;
  }

  /** SIGSTOP: as a machine that stalls. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.child?.exitCode === null && this.child.signalCode === null) process.kill(this.pid, 'SIGCONT');
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The group hears SIGKILL; a polite end is told to the server alone, which ends its own database.
    process.kill(signal === 'SIGKILL' ? -child.pid! : child.pid!, signal);
    await ended;
  }
}

export interface Reply {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are asserted member by member
  body: any;
}

/** One call with the admin key. Throws only where no answer came. */
export async function call(url: string, method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

/** What a path without a query answers once it shows the position, however long that takes. */
export async function readAt(url: string, path: string, position: string): Promise<Reply['body']> {
  let reply: Reply | undefined;
  await until(
    async () => {
      reply = await call(url, 'GET', `${path}?atLeast=${position}`);
      return reply.status === 200;
    },
    { what: () => `${path} to reach ${position}: ${JSON.stringify(reply?.body)}` },
  );
  return reply!.body;
}
