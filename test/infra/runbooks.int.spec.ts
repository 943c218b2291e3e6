import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { READ_MODEL_LIST } from '#libs/projections';
import { createApiWorld, type ApiWorld } from '../api/api-world.js';
import { exists, root, settingNames, text, yaml } from './infra-files.js';
import { shownBy, type Shown } from './shown-metrics.js';

const PAGES = readdirSync(join(root, 'docs', 'runbooks'));
const documents = [...PAGES.map((page) => join('docs', 'runbooks', page)), join('docs', 'scaling.md')];
const alerts = (
  yaml(text('infra', 'prometheus', 'alerts.yml')).groups as Array<{ rules: Array<{ alert: string; annotations: { runbook: string } }> }>
)
  .flatMap((group) => group.rules)
  .map(({ alert, annotations }) => ({ alert, runbook: annotations.runbook }));
const { paths } = JSON.parse(text('openapi.json')) as { paths: Record<string, object> };

/** Settings and variables of others that the pages speak of. */
const NOT_OURS = new Set([
  'ROLLCREDITS_URL',
  'ROLLCREDITS_API_KEY',
  'COMPOSE_PROFILES',
  'POST',
  'GET',
  'PUT',
  'DELETE',
  'WHERE',
  'AND',
  'NOT',
]);

let world: ApiWorld | undefined;
let shown: Shown;
let database: pg.Client | undefined;

beforeAll(async () => {
  world = await createApiWorld();
  shown = shownBy(world);
  database = new pg.Client({ connectionString: world.database.url });
  await database.connect();
});

afterAll(async () => {
  await database?.end();
  await world?.close();
});

describe.each(documents)('%s', (file) => {
  const page = text(file);
  const found = (pattern: RegExp): string[] => [...new Set([...page.matchAll(pattern)].map((match) => match[1]!))];

  it('names only figures, settings and alerts that there are', () => {
    expect(found(/\b(rollcredits_[a-z_]+[a-z])\b/g).filter((name) => !shown.has(name))).toEqual([]);
    const settings = found(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g);
    expect(settings.filter((name) => !settingNames().has(name) && !NOT_OURS.has(name))).toEqual([]);
    expect(found(/`(Rollcredits[A-Z]\w+)`/g).filter((name) => !alerts.some(({ alert }) => alert === name))).toEqual([]);
  });

  it('names only addresses that the API answers', () => {
    const asked = found(/(?:(?:GET|POST|PUT|DELETE) |\$ROLLCREDITS_URL)(\/[^\s"`?]*)/g);
    const known = Object.keys(paths).map((path) => new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`));
    const open = ['/healthz', '/readyz', '/metrics'];
    expect(asked.filter((path) => !open.includes(path) && !known.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  it('names only commands, files and pages that there are', () => {
    const commands = readdirSync(join(root, 'apps', 'cli', 'src', 'commands')).map((name) => name.split('.')[0]);
    expect(found(/(?:npx rollcredits|rollcredits\.mjs) ([a-z-]+)/g).filter((name) => !commands.includes(name))).toEqual([]);
    const models = READ_MODEL_LIST.map(({ name }) => name);
    expect(found(/rollcredits rebuild ([a-z-]+)/g).filter((name) => !models.includes(name))).toEqual([]);
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    expect(found(/npm run ([a-z:]+)/g).filter((name) => scripts[name] === undefined)).toEqual([]);
    expect(found(/\]\(([^)#]+)\)/g).filter((link) => !exists(file, '..', link))).toEqual([]);
    expect(found(/\b((?:apps|infra|libs)\/[\w./-]+\w)/g).filter((path) => !exists(path))).toEqual([]);
  });

  it('asks the database only what it can answer', async () => {
    const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].flatMap(([, sql]) => sql!.split(';'));
    for (const statement of blocks.map((sql) => sql.trim()).filter((sql) => sql !== '')) {
      // Planned, not run: every table, view and column is looked up for it.
      const planned = await database!.query(`EXPLAIN ${statement}`).catch((error: unknown) => `${statement}: ${(error as Error).message}`);
      expect(planned).not.toEqual(expect.any(String));
    }
  });
});

describe('the runbooks', () => {
  it('have a page for every alert that names it, and each page names the alerts that lead there', () => {
    const pages = alerts.filter(({ runbook }) => runbook.startsWith('docs/runbooks/'));
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.filter(({ alert, runbook }) => !text(runbook).includes(`\`${alert}\``)).map(({ alert }) => alert)).toEqual([]);
  });

  it('say what is seen, what it means, what to do and when it is over', () => {
    for (const page of PAGES.filter((name) => !['README.md', 'rotate-keys.md', 'restore.md'].includes(name))) {
      const headings = [...text('docs', 'runbooks', page).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
      expect([page, headings]).toEqual([page, ['What you see', 'What it means', 'What to do', 'It is over when']]);
    }
    expect(PAGES.filter((page) => page !== 'README.md' && !text('docs', 'runbooks', 'README.md').includes(`(${page})`))).toEqual([]);
  });
});
