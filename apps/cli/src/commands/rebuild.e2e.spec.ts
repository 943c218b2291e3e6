import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiWorld, type ApiWorld } from '../../../../test/api/api-world.js';
import { until } from '../../../../test/support/until.js';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'rollcredits.mjs');
let world: ApiWorld;

beforeAll(async () => {
  world = await createApiWorld();
});

afterAll(() => world.close());

/** The command as an operator runs it, beside a deployment whose projector runs. */
function rollcredits(databaseUrl: string, ...words: string[]): Promise<{ code: number | null; printed: string; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...words], { env: { ...process.env, DATABASE_URL: databaseUrl }, stdio: 'pipe' });
    let [printed, said] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('close', (code) => resolve({ code, printed, said }));
  });
}

/** Until the process says so: it looks at what is registered now and then. */
async function serves(version: number): Promise<void> {
  let said: { version?: number; status?: string } = {};
  await until(
    async () => {
      said = (await world.call('GET', '/readyz')).body.parts['readModel:movements'];
      return said.version === version && said.status === 'ok';
    },
    { what: () => `version ${version} to serve: ${JSON.stringify(said)}` },
  );
}

describe('rollcredits rebuild', () => {
  it('ends when the version that the projector built from the log is the one that serves, with the same rows', async () => {
    const opened = await world.call('POST', '/v1/accounts', { id: 'rebuilt', name: 'Rebuilt', plan: 'pro' });
    expect(opened.status).toBe(201);
    const asked = `/v1/accounts/rebuilt/movements?atLeast=${opened.body.position}`;
    const listed = await world.call('GET', asked);
    expect(listed.body.data.length).toBeGreaterThan(0);
    await serves(1);

    const { code, printed } = await rollcredits(world.database.url, 'rebuild', 'movements', '--json');
    expect([code, JSON.parse(printed)]).toEqual([
      0,
      expect.objectContaining({ name: 'movements', version: 2, switched: true, differing: 0 }),
    ]);
    await serves(2);
    expect((await world.call('GET', asked)).body.data).toEqual(listed.body.data);
  });

  it('refuses a name that is no read model with those that are', async () => {
    const mistyped = await rollcredits(world.database.url, 'rebuild', 'movement');
    expect(mistyped).toMatchObject({ code: 2, said: expect.stringContaining('balance-by-account, task-status, movements') });
  });
});
