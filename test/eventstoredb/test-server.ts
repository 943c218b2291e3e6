// The test server as a child process: started, given faults, killed, started again on the same port with the same data.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../support/free-port.js';
import type { Fault, FaultKind } from './faults.js';

/** Compiled, beside this file or where the build put it. */
const MAIN = [import.meta.dirname, join(import.meta.dirname, '..', '..', 'dist', 'test', 'eventstoredb')]
  .map((folder) => join(folder, 'server.main.js'))
  .find((file) => existsSync(file)) as string;

export interface ServerReport {
  events: number;
  faults: Partial<Record<FaultKind, number>>;
}

export class TestEventStoreDb {
  private child: ChildProcess | null = null;
  private port = 0;
  private controlPort = 0;

  private constructor(private readonly directory: string | null) {}

  /** With `isKept`, its log is in a file and outlives a kill. */
  static async start({ isKept = false }: { isKept?: boolean } = {}): Promise<TestEventStoreDb> {
    const server = new TestEventStoreDb(isKept ? mkdtempSync(join(tmpdir(), 'eventstoredb-')) : null);
    // Nobody is given it while the server is away.
    server.port = await freePort();
    await server.run();
    return server;
  }

  get url(): string {
    return `esdb://127.0.0.1:${this.port}?tls=false`;
  }

  async fault(fault: Fault): Promise<void> {
    await fetch(this.controlUrl, { method: 'POST', body: JSON.stringify(fault) });
  }

  async noFaults(): Promise<void> {
    await fetch(this.controlUrl, { method: 'DELETE' });
  }

  async report(): Promise<ServerReport> {
    return (await (await fetch(this.controlUrl)).json()) as ServerReport;
  }

  /** SIGKILL: nothing is finished, nothing is said. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** After a kill: the same port, and what was kept. */
  async run(): Promise<void> {
    const args = [MAIN, String(this.port), ...(this.directory === null ? [] : [join(this.directory, 'log.jsonl')])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child = child;
    const said = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', (code) => reject(new Error(`the test server ended with ${String(code)}; is the workspace built?`)));
    });
    ({ port: this.port, controlPort: this.controlPort } = JSON.parse(said) as { port: number; controlPort: number });
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.directory !== null) rmSync(this.directory, { recursive: true, force: true });
  }

  private get controlUrl(): string {
    return `http://127.0.0.1:${this.controlPort}/`;
  }
}
