// The whole system in one process with a fleet behind it: a server, workers that can be killed, and a puppet that says what a spec wants said.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { MessageConsumer, MessageProducer, Messaging } from '#libs/messaging';
import { onceEach } from '../kafka/once-each.js';
import { call, freePort, ServerProcess, type Reply } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

/** Three of them are how long a worker, or whoever speaks for one, may be held up before its attempt is another's. */
export const HEARTBEAT_MS = 3_000;
const WORKER = join(import.meta.dirname, '..', '..', 'dist', 'apps', 'example-worker', 'src', 'main.js');

export interface Job {
  jobId: string;
  taskId: string;
  attempt: number;
  model: string;
  prompt: string | null;
  parameters: Record<string, unknown>;
  deadlineAt: string;
  heartbeatEveryMs: number;
  token: string;
}

export class FleetWorld {
  readonly #workers = new Map<string, ChildProcess>();
  #accounts = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly server: ServerProcess,
    private readonly kafkaEnv: Record<string, string>,
  ) {}

  static async open(kafkaEnv: Record<string, string>, families: readonly string[]): Promise<FleetWorld> {
    const database = await createTestDatabase();
    const env = { ...kafkaEnv, DATABASE_URL: database.url, FLEET_HEARTBEAT_MS: String(HEARTBEAT_MS) };
    const server = new ServerProcess(await freePort(), env);
    await server.start();
    const world = new FleetWorld(database, server, kafkaEnv);
    for (const family of families) await world.model(family);
    return world;
  }

  async close(): Promise<void> {
    for (const name of [...this.#workers.keys()]) await this.end(name, 'SIGKILL');
    await this.server.stop();
    await this.database.drop();
  }

  api(method: string, path: string, body?: object): Promise<Reply> {
    return call(this.server.url, method, path, body);
  }

  /** A model of the family, called as the family is. */
  async model(family: string): Promise<void> {
    const model = { name: family, family, outputType: 'video', durationSeconds: 5, credits: 70, minimumPlan: 'free', provider: 'fleet' };
    const { status, body } = await this.api('PUT', `/v1/models/${family}`, model);
    if (status !== 200) throw new Error(`the model was refused: ${JSON.stringify(body)}`);
  }

  async account(): Promise<string> {
    const id = `fleet-${(this.#accounts += 1)}`;
    const { status, body } = await this.api('POST', '/v1/accounts', { id, name: id, plan: 'pro' });
    if (status !== 201) throw new Error(JSON.stringify(body));
    return id;
  }

  async submit(accountId: string, family: string, fleet: object = {}, deadlineMs = 300_000): Promise<string> {
    const parameters = { deadlineMs, fleet };
    const { status, body } = await this.api('POST', '/v1/tasks', { accountId, model: family, prompt: 'a fox', parameters });
    if (status !== 202) throw new Error(JSON.stringify(body));
    return body.id as string;
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are asserted member by member
  async task(id: string): Promise<any> {
    return (await this.api('GET', `/v1/tasks/${id}`)).body;
  }

  /** Waits until its credits are settled, and answers it as it then is. */
  async settled(id: string): ReturnType<FleetWorld['task']> {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
    let task: any = null;
    await until(
      async () => {
        task = await this.task(id);
        return task.settlement !== 'open';
      },
      { withinMs: 120_000, what: () => `${id} to be settled: ${JSON.stringify(task)}\n${this.server.output.slice(-3_000)}` },
    );
    return task;
  }

  async balance(accountId: string): Promise<{ available: number; held: number }> {
    return (await this.api('GET', `/v1/accounts/${accountId}/balance`)).body;
  }

  /** The types of the task's facts, in order. */
  async story(id: string): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ type: string }>('SELECT type FROM events WHERE stream = $1 ORDER BY rev', [
      `task-default.${id}`,
    ]);
    return rows.map((row) => row.type);
  }

  /** How often credits of the task went somewhere for good. */
  async endings(id: string): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ type: string }>(
      `SELECT type FROM events WHERE type IN ('CreditsConsumed', 'CreditsRefunded') AND data::jsonb ->> 'taskId' = $1 ORDER BY pos`,
      [id],
    );
    return rows.map((row) => row.type);
  }

  /** An example worker as a process of its own. */
  async worker(name: string, families: readonly string[], env: Record<string, string> = {}): Promise<void> {
    const child = spawn(process.execPath, [WORKER], {
      env: {
        ...process.env,
        ...this.kafkaEnv,
        WORKER_NAME: name,
        WORKER_FAMILIES: families.join(','),
        WORKER_SESSION_MS: '6000',
        WORKER_WORK_MS: '100',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#workers.set(name, child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const isAtWork = (): boolean => {
      if (child.exitCode !== null) throw new Error(`worker ${name} ended: ${output}`);
      return output.includes('works on');
    };
    await until(isAtWork, { withinMs: 120_000, what: () => `worker ${name} to begin: ${output}` });
  }

  async end(name: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#workers.get(name);
    this.#workers.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

/** Reads a family's jobs and says of them what it is told to, well or badly. */
export class Puppet {
  readonly jobs: Job[] = [];
  readonly cancellations: Array<{ jobId: string; reason: string; worker: string | null }> = [];
  readonly #once = onceEach();
  readonly #consumers: MessageConsumer[];
  readonly #producer: MessageProducer;

  /** `messaging` should be patient: what a puppet says is not said again. */
  constructor(
    messaging: Messaging,
    private readonly prefix: string,
    family: string,
  ) {
    this.#producer = messaging.producer('puppet');
    const read = (topic: string, into: (body: never) => void): MessageConsumer =>
      messaging.consume({
        groupId: `${prefix}.puppet.${randomUUID()}`,
        topics: [topic],
        handle: async (messages) => {
          for (const { value } of this.#once(messages)) into(JSON.parse(String(value)) as never);
        },
      });
    this.#consumers = [
      read(`${prefix}.jobs.${family}.v1`, (job) => this.jobs.push(job)),
      read(`${prefix}.cancellations.v1`, (cancellation) => this.cancellations.push(cancellation)),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#producer.close();
  }

  async job(taskId: string, attempt = 1, times = 1): Promise<Job> {
    const found = (): Job[] => this.jobs.filter((job) => job.taskId === taskId && job.attempt === attempt);
    await until(() => found().length >= times, { withinMs: 120_000, what: () => `job ${taskId}.${attempt}: ${JSON.stringify(this.jobs)}` });
    return found().at(-1)!;
  }

  say(job: Job, kind: string, more: object = {}, id: string = randomUUID()): Promise<void> {
    const { jobId, attempt, token, taskId } = job;
    return this.raw(JSON.stringify({ jobId, attempt, token, kind, worker: 'puppet', ...more }), { ce_id: id }, taskId);
  }

  succeed(job: Job, more: object = {}, id?: string): Promise<void> {
    const assets = [{ url: `https://puppet.example/${job.jobId}.mp4`, mediaType: 'video/mp4', durationSeconds: 5 }];
    return this.say(job, 'succeeded', { assets, cost: { currency: 'USD', amountMinor: 7 }, ...more }, id);
  }

  raw(value: string | Buffer | null, headers: Record<string, string>, key = 'nobody'): Promise<void> {
    return this.#producer.send(`${this.prefix}.results.v1`, [{ key, value, headers }]);
  }
}
