import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY, call, freePort, ServerProcess } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';
import { until } from './support/until.js';

const CLI = join(import.meta.dirname, '..', 'dist', 'apps', 'cli', 'src', 'main.js');

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

function rollcredits(words: readonly string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...words], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('the command line over a ledger', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rollcredits-verify-'));
  chmodSync(dataDir, 0o711);
  let database: TestDatabase;
  let server: ServerProcess;
  let env: Record<string, string>;
  let receipt: string;
  let vkey: string;
  const file = (name: string, text: string): string => {
    const path = join(dataDir, name);
    writeFileSync(path, text);
    return path;
  };
  const json = async (...words: string[]): Promise<{ code: number | null; body: Record<string, unknown> }> => {
    const { code, out, err } = await rollcredits([...words, '--json'], env);
    expect([err, out]).toEqual([expect.any(String), expect.stringMatching(/^\{.*\}\n$/)]);
    return { code, body: JSON.parse(out) as Record<string, unknown> };
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    env = { DATABASE_URL: database.url, DATA_DIR: dataDir, ADMIN_API_KEY: ADMIN_KEY };
    server = new ServerProcess(await freePort(), env);
    await server.start();
    await call(server.url, 'POST', '/v1/accounts', { id: 'ada', name: 'Ada Lovelace', plan: 'max' });
    const simulated = [{ outcome: 'succeed' }, { outcome: 'succeed', deliveredFraction: 0.5 }, { outcome: 'fail' }];
    const tasks: string[] = [];
    for (const simulate of simulated) {
      const body = { accountId: 'ada', model: 'kling-ai-5s', prompt: 'a secret', parameters: { simulate: { afterMs: 10, ...simulate } } };
      tasks.push((await call(server.url, 'POST', '/v1/tasks', body)).body.id as string);
    }
    await until(async () => (await call(server.url, 'GET', '/v1/accounts/ada/balance')).body.held === 0);
    // The copies of their assets are the last facts; a head that covers them is not followed by another by itself.
    for (const id of tasks.slice(0, 2))
      await until(async () => (await call(server.url, 'GET', `/v1/tasks/${id}`)).body.assets[0]?.stored === true);
    await until(async () => {
      const { rows } = await database.pool.query<{ facts: string }>('SELECT count(*) AS facts FROM events');
      return Number((await call(server.url, 'GET', '/v1/ledger/head')).body.treeSize) === Number(rows[0]?.facts);
    });
    receipt = file('receipt.json', JSON.stringify((await call(server.url, 'GET', `/v1/tasks/${tasks[0]!}/receipt?proof=true`)).body));
    vkey = (await call(server.url, 'GET', '/v1/ledger/key')).body.vkey as string;
  });
  afterAll(async () => {
    await server.stop();
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('verifies beside a server that works, whole and against a head that somebody kept', async () => {
    const { body: head } = await call(server.url, 'GET', '/v1/ledger/head');
    const kept = file('kept.txt', head.checkpoint as string);
    const { code, body } = await json('verify', '--from', kept, '--key', vkey);
    expect([code, body]).toEqual([
      0,
      expect.objectContaining({ ok: true, difference: null, rootHash: head.rootHash, treeSize: head.treeSize }),
    ]);
    expect(body['facts']).toBeGreaterThan(10);
    const checks = body['checks'] as Array<{ name: string; ok: boolean }>;
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['log', 'journal', 'invariants', 'balance-by-account', 'movements']),
    );
    expect(checks.every(({ ok }) => ok)).toBe(true);
    const { out } = await rollcredits(['verify'], env);
    expect(out).toContain('Nothing is other than it was.');
  });

  it('proves a receipt with the public key and no server at all, and no other receipt', async () => {
    const nowhere = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', DATA_DIR: dataDir };
    const proven = await rollcredits(['verify-receipt', receipt, '--key', vkey, '--json'], nowhere);
    expect([proven.code, JSON.parse(proven.out)]).toEqual([0, expect.objectContaining({ ok: true, charged: 70, errors: [] })]);
    const forged = file('forged.json', JSON.stringify({ ...JSON.parse(await read(receipt)), checkpoint: 'x' }));
    expect((await rollcredits(['verify-receipt', forged, '--key', vkey], nowhere)).code).toBe(1);
    for (const words of [
      ['verify-receipt', receipt],
      ['verify-receipt', receipt, '--key', 'nonsense'],
      ['verify-receipt', join(dataDir, 'nothing'), '--key', vkey],
      ['verify-receipt', file('garbage', '{"a":'), '--key', vkey],
    ])
      expect([words, (await rollcredits(words, nowhere)).code]).toEqual([words, 2]);
    expect((await rollcredits(['verify'], nowhere)).code).toBe(3);
  });

  it('compares and rebuilds read models', async () => {
    const { body: listed } = await json('rebuild', '--list');
    expect(listed['names']).toEqual(expect.arrayContaining(['balance-by-account', 'movements', 'task-status']));
    expect((await json('rebuild', 'movements', '--diff')).code).toBe(0);
    expect((await rollcredits(['rebuild', 'nothing'], env)).code).toBe(2);
    expect(await json('rebuild', 'task-status')).toMatchObject({ code: 0, body: { switched: true, version: 2 } });
  });

  it('forgets a customer: no name, no prompt, and every proof and balance as before', async () => {
    const before = (await call(server.url, 'GET', '/v1/accounts/ada/balance')).body;
    expect((await rollcredits(['forget', 'ada'], env)).code).toBe(2);
    expect((await rollcredits(['forget', 'nobody', '--yes'], env)).code).toBe(2);
    expect((await json('forget', 'ada', '--yes')).code).toBe(0);
    expect(await json('forget', 'ada', '--yes')).toMatchObject({ code: 0, body: { wasForgottenBefore: true } });
    await until(async () => (await call(server.url, 'GET', '/v1/accounts/ada')).body.forgotten === true);
    expect((await call(server.url, 'GET', '/v1/accounts/ada')).body.name).toBeNull();
    expect((await call(server.url, 'GET', '/v1/tasks?accountId=ada')).body.data.map((task: { prompt: unknown }) => task.prompt)).toEqual([
      null,
      null,
      null,
    ]);
    expect((await call(server.url, 'GET', '/v1/accounts/ada/balance')).body).toMatchObject({
      available: before.available,
      grants: before.grants,
    });
    expect((await json('verify')).code).toBe(0);
    expect((await rollcredits(['verify-receipt', receipt, '--key', vkey], env)).code).toBe(0);
  });

  it('finds what was changed behind its back, names it, and the receipt of before still proves itself', async () => {
    await database.pool.query(`UPDATE movement SET actor = 'somebody' WHERE ordinal = 0`);
    expect(await json('verify')).toMatchObject({ code: 1, body: { ok: false, difference: { kind: 'read_model', table: 'movement' } } });
    await database.pool.query(`UPDATE events SET data = replace(data, '"credits":70', '"credits":71') WHERE type = 'TaskSubmitted'`);
    const { code, out } = await rollcredits(['verify'], env);
    expect([code, out]).toEqual([1, expect.stringMatching(/fact_changed: events · position \d{16} · evt_/)]);
    expect((await rollcredits(['verify-receipt', receipt, '--key', vkey], env)).code).toBe(0);
  });

  async function read(path: string): Promise<string> {
    const { readFile } = await import('node:fs/promises');
    return readFile(path, 'utf8');
  }
});
