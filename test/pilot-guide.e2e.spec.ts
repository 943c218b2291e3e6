import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { paste } from './support/paste.js';
import { freePort, ServerProcess } from './support/server-process.js';
import { createTestDatabase, type TestDatabase } from './support/test-database.js';

const ROOT = join(import.meta.dirname, '..');
const guide = readFileSync(join(ROOT, 'docs', 'pilot.md'), 'utf8');

describe('the guide to a pilot', () => {
  let database: TestDatabase;
  let server: ServerProcess;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rollcredits-pilot-'));
    database = await createTestDatabase();
    server = new ServerProcess(await freePort(), { DATABASE_URL: database.url });
    await server.start();
  });

  afterAll(async () => {
    await server.stop();
    await database.drop();
    rmSync(directory, { recursive: true });
  });

  it('works as pasted, block after block, and ends in a number', async () => {
    const blocks = [...guide.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block as string);
    expect(blocks.length).toBeGreaterThan(8);
    const script = blocks
      .join('\n')
      .replaceAll('http://localhost:3000', server.url)
      .replaceAll('npx rollcredits', `${process.execPath} ${join(ROOT, 'apps', 'cli', 'bin', 'rollcredits.mjs')}`);
    const { code, stdout, stderr } = await paste(script, directory);
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout });
    // 44 of 50 did not fail; 2 of the first 22 and 8 of the second are usable, each of which took 18 minutes.
    expect(stdout).toContain('good production test');
    expect(stdout).toContain('Scene: a glass of iced tea on a counter. Must include: bright kitchen, morning light and refreshing mood.');
    expect(stdout).toMatch(/AI video costs \$\d+\.\d\d per usable clip and meets our quality bar\./);
    const log = readFileSync(join(directory, 'pilot.jsonl'), 'utf8').trim().split('\n');
    expect(log).toHaveLength(50);
    expect(readFileSync(join(directory, 'pilot.html'), 'utf8')).toContain('<svg');
    expect(readFileSync(join(directory, 'pilot.md'), 'utf8')).toContain('per usable clip');
  }, 600_000);
});
