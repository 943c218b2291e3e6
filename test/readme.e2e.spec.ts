import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { paste } from './support/paste.js';
import { freePort, ServerProcess } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';

const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');

describe("the README's tour", () => {
  let database: TestDatabase;
  let server: ServerProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    server = new ServerProcess(await freePort(), { DATABASE_URL: database.url });
    await server.start();
  });

  afterAll(async () => {
    await server.stop();
    await database.drop();
  });

  it('works as pasted', async () => {
    const tour = /<!-- tour:[^>]*-->\s*```bash\n([\s\S]*?)```/.exec(readme)?.[1];
    expect(tour).toBeDefined();
    const { code, stdout, stderr } = await paste(tour!.replaceAll('http://localhost:3000', server.url));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('event: TaskCompleted');
    expect(stdout).toContain('"charged":70');
    expect(stdout).toContain('"available":2430');
    expect(stdout.trim().split('\n').at(-1)).toBe('Not charged: the generation failed and 200 credits were returned.');
  });
});
