// One real Kafka broker (KRaft, one node) on free ports: started, stopped, killed, stopped in its tracks and started again on the same data.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { until } from '../support/until.js';
import { format, install, propertiesText, type Installation, type KafkaVersion } from './installation.js';

export interface BrokerOptions {
  version?: KafkaVersion;
  /** Added to server.properties. `{PORT}` stands for the client port, `{CONTROLLER_PORT}` for the controller's. */
  properties?: Readonly<Record<string, string>>;
  /** Words for the storage tool; then the data directory is formatted for this broker alone. */
  formatWords?: readonly string[];
}

const START_WITHIN_MS = 180_000;

export class TestBroker {
  #child: ChildProcess | null = null;

  private constructor(
    private readonly installation: Installation,
    readonly directory: string,
    private readonly options: BrokerOptions,
    readonly port: number,
    private readonly controllerPort: number,
  ) {}

  /** Makes a broker and starts it; on ports that somebody else was quicker to take it chooses others. */
  static async start(options: BrokerOptions = {}): Promise<TestBroker> {
    for (let attempt = 1; ; attempt += 1) {
      const broker = await TestBroker.prepare(options);
      try {
        await broker.start();
        return broker;
      } catch (error) {
        await broker.remove();
        if (attempt === 3 || !/Address already in use/.test((error as Error).message)) throw error;
      }
    }
  }

  /** Not started yet: for what must begin while Kafka is away. */
  static async prepare(options: BrokerOptions = {}): Promise<TestBroker> {
    const installation = await install(options.version);
    // That of the run is removed when the run ends, however it ends.
    const directory = mkdtempSync(join(process.env['TEST_KAFKA_DIR'] ?? tmpdir(), 'broker-'));
    const data = join(directory, 'data');
    if (options.formatWords === undefined) cpSync(installation.formatted, data, { recursive: true });
    else await format(installation.classPath, data, options.formatWords);
    return new TestBroker(installation, directory, options, await freePort(), await freePort());
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when it answers. Works again after stop() and kill(), on the same data and port. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('the broker runs already');
    this.#refuseSecond();
    writeFileSync(join(this.directory, 'server.properties'), propertiesText(this.#properties()));
    const words = [
      ...['-Xms64m', '-Xmx160m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:MaxDirectMemorySize=64m'],
      ...['-Djava.net.preferIPv4Stack=true', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'],
      ...['-cp', this.installation.classPath, 'kafka.Kafka', join(this.directory, 'server.properties')],
    ];
    const log = openSync(this.logFile, 'w');
    // The shell writes the id before there is anything to end, so that whoever cleans up after a killed run misses nobody.
    const child = spawn('sh', ['-c', 'echo $$ > "$0" && exec java "$@"', this.pidFile, ...words], {
      cwd: this.directory,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    await until(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          this.#child = null;
          throw new Error(`the broker ended at start: ${readFileSync(this.logFile, 'utf8').slice(-4_000)}`);
        }
        return answers(this.port);
      },
      { withinMs: START_WITHIN_MS, everyMs: 50, what: () => `the broker's start: ${readFileSync(this.logFile, 'utf8').slice(-4_000)}` },
    );
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** SIGKILL: no handler runs. Within about 4 s after the next start() it serves again: its old registration has to run out. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes its directory. */
  async remove(): Promise<void> {
    this.resume();
    await this.#end('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Lets the process that started it end before it. */
  unref(): void {
    this.#child?.unref();
  }

  get logFile(): string {
    return join(this.directory, 'broker.log');
  }

  get pidFile(): string {
    return join(this.directory, 'broker.pid');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.ref();
      child.kill(signal);
      await ended;
    }
    rmSync(this.pidFile, { force: true });
  }

  /** Two brokers on one directory destroy it before the second one notices. */
  #refuseSecond(): void {
    if (!existsSync(this.pidFile)) return;
    const pid = Number(readFileSync(this.pidFile, 'utf8'));
    if (isAlive(pid)) throw new Error(`process ${pid} runs on ${this.directory}`);
  }

  #properties(): Record<string, string> {
    const { port, controllerPort } = this;
    const placed = (value: string): string =>
      value.replaceAll('{PORT}', String(port)).replaceAll('{CONTROLLER_PORT}', String(controllerPort));
    const own = Object.entries(this.options.properties ?? {}).map(([name, value]) => [name, placed(value)]);
    return {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': join(this.directory, 'data'),
      'auto.create.topics.enable': 'false',
      'group.initial.rebalance.delay.ms': '0',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'transaction.state.log.num.partitions': '1',
      'log.cleaner.dedupe.buffer.size': '2097152',
      'num.network.threads': '1',
      'num.io.threads': '2',
      // After SIGKILL the broker is let in again when its old registration has run out; at 1000 a busy machine loses its session.
      'broker.session.timeout.ms': '3000',
      'broker.heartbeat.interval.ms': '500',
      'group.min.session.timeout.ms': '500',
      ...(Object.fromEntries(own) as Record<string, string>),
    };
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}
