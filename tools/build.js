// Compiles the workspace to dist/ unless what is there was made from these very sources; every npm script that runs compiled code calls it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.sources');
const SETTINGS = ['package-lock.json', 'tsconfig.build.json', 'tsconfig.json', 'tsconfig.base.json'];

/** By content, not by date: a copied or unpacked checkout keeps its build. */
function digestOfSources() {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const files = include.filter((folder) => existsSync(join(root, folder))).flatMap((folder) => sourcesIn(join(root, folder)));
  const hash = createHash('sha256');
  for (const file of [...SETTINGS.map((name) => join(root, name)), ...files.sort()]) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function sourcesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesIn(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts') ? [path] : [];
  });
}

const digest = digestOfSources();
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    process.stderr.write('rollcredits: the sources do not compile\n');
    process.exit(1);
  }
  writeFileSync(stamp, digest);
}
