// Where the programs of a real Kafka are: fetched once by Maven into a directory of the user's own, formatted once, and shared by every test run.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export const VERSIONS = ['4.4.0', '3.9.2'] as const;
export type KafkaVersion = (typeof VERSIONS)[number];

/** TEST_KAFKA_VERSION chooses the older one for a run. */
export function chosenVersion(): KafkaVersion {
  const asked = process.env['TEST_KAFKA_VERSION'] || VERSIONS[0];
  const version = VERSIONS.find((known) => known === asked);
  if (version === undefined) throw new Error(`TEST_KAFKA_VERSION must be one of ${VERSIONS.join(', ')}, not ${asked}`);
  return version;
}

/** Compiled, this file stands one folder deeper. */
export const CHECKOUT = [2, 3]
  .map((up) => join(import.meta.dirname, ...Array<string>(up).fill('..')))
  .find((folder) => existsSync(join(folder, 'package.json')))!;

const JAVA_VERSION_MIN = 17;
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

export interface Installation {
  version: KafkaVersion;
  /** For `java -cp`. */
  classPath: string;
  /** A formatted, empty data directory: copied for each broker. */
  formatted: string;
}

let missing: string | null | undefined;

/** Why no broker can run on this machine; null when one can. */
export function whatIsMissing(): string | null {
  missing ??= judgeMachine();
  return missing;
}

function judgeMachine(): string | null {
  if (!onPath('java')) return 'no java on the PATH';
  const said = spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr;
  const major = Number(/version "(\d+)/.exec(said)?.[1] ?? 0);
  if (major < JAVA_VERSION_MIN) return `java ${major} is too old, Kafka needs ${JAVA_VERSION_MIN}`;
  if (!existsSync(join(cacheOf(chosenVersion()), 'jars')) && !onPath('mvn')) return 'no mvn on the PATH to fetch Kafka with';
  return null;
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function pomOf(version: KafkaVersion): string {
  return join(CHECKOUT, 'test', 'kafka', `jars-${version}`, 'pom.xml');
}

/** Named after the content of the pom, so that a changed one is fetched anew. */
function cacheOf(version: KafkaVersion): string {
  const digest = createHash('sha256')
    .update(readFileSync(pomOf(version)))
    .digest('hex')
    .slice(0, 12);
  return join(cacheRoot(), 'rollcredits', `kafka-${version}-${digest}`);
}

function cacheRoot(): string {
  const wanted = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  try {
    mkdirSync(wanted, { recursive: true });
    accessSync(wanted, constants.W_OK);
    return wanted;
  } catch {
    return tmpdir();
  }
}

/** Fetches and formats what is not there yet. Two at once do the work twice and the quicker one's is kept. */
export async function install(version: KafkaVersion = chosenVersion()): Promise<Installation> {
  const cache = cacheOf(version);
  const installation = { version, classPath: join(cache, 'jars', '*'), formatted: join(cache, 'formatted') };
  if (existsSync(installation.formatted)) return installation;
  mkdirSync(join(cache, '..'), { recursive: true });
  const making = mkdtempSync(`${cache}.making-`);
  try {
    cpSync(pomOf(version), join(making, 'pom.xml'));
    await run('mvn', ['-B', '-ntp', '-q', '-f', join(making, 'pom.xml'), 'process-resources'], making);
    await format(join(making, 'jars', '*'), join(making, 'formatted'), []);
    try {
      renameSync(making, cache);
    } catch (error) {
      if (!existsSync(installation.formatted)) throw error;
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return installation;
}

/** Makes an empty data directory. `words` go to the storage tool (`--add-scram …`). */
export async function format(classPath: string, directory: string, words: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const properties = `${directory}.properties`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@127.0.0.1:1',
    listeners: 'PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': directory,
  };
  writeFileSync(properties, propertiesText(settings));
  const tool = ['-Xmx64m', '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties, ...words];
  await run('java', tool, directory);
  rmSync(properties);
}

export function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\n', '\\\n')}\n`)
    .join('');
}

export function run(program: string, words: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const remember = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-4_000);
    };
    child.stdout.on('data', remember);
    child.stderr.on('data', remember);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${String(code)}: ${said}`));
    });
  });
}
