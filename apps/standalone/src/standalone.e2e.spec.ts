import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../test/support/free-port.js';
import { until } from '../../../test/support/until.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const main = (app: string): string[] => [process.execPath, join(CHECKOUT, 'dist', 'apps', app, 'src', 'main.js')];

/** A start makes a database or mends one, in several processes, beside others that do the same. */
const LONG_MS = 180_000;

interface Running {
  child: ChildProcess;
  out: () => string;
  err: () => string;
  exit: Promise<number | null>;
}

let directory: string;
let dataDir: string;
let port: number;
const running = new Set<ChildProcess>();

function run(command: string[], env: Record<string, string> = {}): Running {
  const [program = '', ...words] = command;
  const { ADMIN_API_KEY: _key, DATABASE_URL: _url, ...outer } = process.env;
  const child = spawn(program, words, {
    cwd: directory,
    env: { ...outer, LOG_LEVEL: 'warn', PORT: String(port), DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const exit = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  return { child, out: () => out, err: () => err, exit };
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`).catch(() => null);
  return response?.status === 200;
}

async function start(command: string[] = main('standalone'), env: Record<string, string> = {}): Promise<Running> {
  const server = run(command, env);
  await until(
    async () => {
      if (server.child.exitCode !== null) throw new Error(`it ended: ${server.err()}`);
      return server.out().includes('quotes') && (await isReady(`http://127.0.0.1:${port}`));
    },
    { withinMs: LONG_MS, what: () => `the start: ${server.out()} ${server.err()}` },
  );
  return server;
}

async function stop(server: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  server.child.kill(signal);
  return server.exit;
}

/** The one sentence with which a process that cannot start ends. */
async function sentenceOf(command: string[], env: Record<string, string>): Promise<string> {
  const failed = run(command, env);
  expect(await failed.exit).toBe(1);
  const lines = failed.err().trim().split('\n');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

async function cli(words: string[], env: Record<string, string> = {}): Promise<{ code: number | null; out: string; err: string }> {
  const called = run([process.execPath, join(CHECKOUT, 'apps', 'cli', 'bin', 'rollcredits.mjs'), ...words], env);
  const code = await called.exit;
  return { code, out: called.out(), err: called.err() };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rollcredits-standalone-'));
  chmodSync(directory, 0o755);
  dataDir = join(directory, 'data');
  port = await freePort();
});
afterEach(async () => {
  for (const child of [...running]) {
    child.kill('SIGTERM');
    await until(() => !running.has(child));
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('npm start', () => {
  let key = '';

  it('serves from any directory, prints a new key and what to type next, and that works as printed', async () => {
    const server = await start(['npm', '--silent', '--prefix', CHECKOUT, 'start']);
    const out = server.out();
    key = /export ROLLCREDITS_API_KEY=(rc_\S+)/.exec(out)?.[1] ?? '';
    expect(key).not.toBe('');
    expect(out).toContain(`listens on http://127.0.0.1:${port} and is described at http://127.0.0.1:${port}/docs`);
    const printed = out.slice(out.indexOf('  curl'));
    const typed = spawnSync('bash', ['-ec', printed], { encoding: 'utf8', env: { ...process.env, ROLLCREDITS_API_KEY: key } });
    expect(typed.stdout).toContain('"credits":70');
    expect(typed.stdout).not.toContain('problem');
    for (const file of ['postgres.log', 'embedded-postgres.json']) expect(readFileSync(join(dataDir, file), 'utf8')).not.toContain(key);
    expect(server.err()).not.toContain(key);
    // npm hands the signal on and ends with the server's own code.
    expect(await stop(server)).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it('keeps everything over a second start, and shows no key again', async () => {
    const server = await start();
    expect(server.out()).not.toContain('rc_');
    const response = await fetch(`http://127.0.0.1:${port}/v1/accounts/acme`, { headers: { authorization: `Bearer ${key}` } });
    expect(await response.json()).toMatchObject({ id: 'acme', plan: 'pro' });

    const second = await sentenceOf(main('standalone'), { PORT: String(await freePort()) });
    expect(second).toBe(
      `rollcredits: another server (process ${String(server.child.pid)}) already runs on ${dataDir}: stop it, or give this one a DATA_DIR of its own`,
    );
    expect(await sentenceOf(main('standalone'), { DATA_DIR: join(directory, 'other') })).toBe(
      `rollcredits: the address 127.0.0.1:${port} is in use by another program: set PORT to another port, or stop that program`,
    );
    expect(await stop(server, 'SIGINT')).toBe(0);
  });

  it('says in one sentence why it cannot start', async () => {
    expect(await sentenceOf(main('standalone'), { PORT: 'eighty' })).toMatch(/^rollcredits: PORT must be a whole number .*, not "eighty"$/);
    expect(await sentenceOf(main('standalone'), { DATABASE_URL: 'postgres://rc:hunter2secret@127.0.0.1:1/x' })).toBe(
      'rollcredits: PostgreSQL 127.0.0.1:1 cannot be reached (ECONNREFUSED): start it, or correct DATABASE_URL',
    );
    expect(await sentenceOf(main('projector'), {})).toMatch(/^projector: the projector alone needs DATABASE_URL/);
  });

  it('answers 503 while PostgreSQL is away, and serves again by itself', async () => {
    const server = await start();
    const url = `http://127.0.0.1:${port}`;
    const open = (id: string): Promise<Response> =>
      fetch(`${url}/v1/accounts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id, name: id, plan: 'free' }),
      });
    const postmaster = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(postmaster, 'SIGKILL');
    const statuses = new Set<number>();
    let n = 0;
    await until(
      async () => {
        const { status, headers } = await open(`after-${++n}`);
        statuses.add(status);
        if (status === 503) expect(headers.get('retry-after')).not.toBeNull();
        return status === 201;
      },
      { withinMs: LONG_MS, what: () => `PostgreSQL to be back: ${server.err()}` },
    );
    expect([...statuses].filter((status) => status !== 201 && status !== 503)).toEqual([]);
    await until(() => isReady(url));
    expect(await stop(server)).toBe(0);
  });

  it('shares its database with roles that run alone, and answers the command line', async () => {
    const server = await start();
    const url = `http://127.0.0.1:${port}`;
    const { out: databaseUrl } = await cli(['url']);
    const env = { DATABASE_URL: databaseUrl.trim(), PROJECTOR_PORT: '0', ORCHESTRATOR_PORT: '0' };
    const roles = [run(main('projector'), env), run(main('orchestrator'), env)];
    for (const role of roles) {
      await until(() => role.out().includes('/readyz'), { what: () => role.err(), withinMs: LONG_MS });
      const health = /http:\S+(?=\/readyz)/.exec(role.out())?.[0] ?? '';
      await until(() => isReady(health));
      expect(await (await fetch(`${health}/metrics`)).text()).toContain('process_cpu_seconds_total');
    }
    for (const role of roles) expect(await stop(role)).toBe(0);

    const asked = { ROLLCREDITS_URL: url, ROLLCREDITS_API_KEY: key };
    expect(await cli(['status'], asked)).toMatchObject({ code: 0, out: expect.stringContaining('postgres') });
    const balance = await cli(['balance', 'acme', '--json'], asked);
    expect(JSON.parse(balance.out)).toMatchObject({ accountId: 'acme', available: 2000 });
    expect(await cli(['balance', 'acme'], asked)).toMatchObject({ code: 0, out: expect.stringMatching(/subscription +2000 +0 +2000/) });
    expect(await cli(['task', 'task_none'], asked)).toMatchObject({ code: 3, out: '' });
    expect(JSON.parse((await cli(['receipt', 'task_none', '--json'], asked)).out)).toMatchObject({
      error: { code: 'not_found', status: 404 },
    });
    expect(await cli(['status'], { ROLLCREDITS_URL: 'http://127.0.0.1:1' })).toMatchObject({
      code: 4,
      err: expect.stringContaining('no server answers'),
    });
    expect(await cli(['balance'], asked)).toMatchObject({ code: 2 });
    expect(await cli(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('receipt') });
    expect(await cli(['migrate'], { DATABASE_URL: databaseUrl.trim() })).toMatchObject({ code: 0, out: 'Nothing to do.\n' });
    expect(await stop(server)).toBe(0);
    expect(await cli(['url'])).toMatchObject({ code: 4, out: '' });
  });

  it('refuses a database whose clock was moved when TEST_CLOCK is off', async () => {
    const server = await start(main('standalone'), { TEST_CLOCK: '1' });
    const moved = await fetch(`http://127.0.0.1:${port}/v1/test-clock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ now: new Date(Date.now() + 3_600_000).toISOString() }),
    });
    expect(moved.status).toBe(200);
    expect(await stop(server)).toBe(0);
    expect(await sentenceOf(main('standalone'), {})).toMatch(
      /^rollcredits: the test clock of this database was moved and stands at .*: start with TEST_CLOCK=1/,
    );
  });
});
