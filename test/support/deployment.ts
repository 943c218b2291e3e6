// A deployment of separate processes on one database: started, killed, paused and ended by name.
import { freePort, ServerProcess } from './server-process.js';

export type RoleName = 'api' | 'projector' | 'orchestrator' | 'relay';

export class Deployment {
  readonly #running = new Map<string, ServerProcess>();

  constructor(private readonly env: Record<string, string>) {}

  /** `name` tells processes of one role apart: `api-1`. Ready when it answers so on its own port. */
  async start(name: string, env: Record<string, string> = {}): Promise<ServerProcess> {
    const role = name.slice(0, name.lastIndexOf('-')) as RoleName;
    const port = await freePort();
    const ports = Object.fromEntries(['PROJECTOR_PORT', 'ORCHESTRATOR_PORT', 'RELAY_PORT'].map((variable) => [variable, String(port)]));
    const started = new ServerProcess(port, { ...this.env, ...ports, ...env }, `apps/${role}/src/main.js`);
    this.#running.set(name, started);
    await started.start();
    return started;
  }

  async startAll(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.start(name)));
  }

  get(name: string): ServerProcess {
    const found = this.#running.get(name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  }

  /** SIGKILL. */
  async kill(name: string): Promise<void> {
    const killed = this.get(name);
    this.#running.delete(name);
    await killed.kill();
  }

  /** SIGSTOP. */
  pause(name: string): void {
    this.get(name).pause();
  }

  /** SIGCONT. */
  resume(name: string): void {
    this.get(name).resume();
  }

  /** Of every process of the role that runs. */
  urls(role: RoleName): string[] {
    return [...this.#running].filter(([name]) => name.startsWith(`${role}-`)).map(([, { url }]) => url);
  }

  /** What every process said last, for a failure's message. */
  outputs(): string {
    return [...this.#running].map(([name, { output }]) => `── ${name}\n${output.slice(-1_500)}`).join('\n');
  }

  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map((one) => one.stop()));
  }
}
