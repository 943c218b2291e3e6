#!/usr/bin/env node
// `npx rollcredits`: runs the compiled CLI, and compiles the checkout first when nobody has yet.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..', '..');
const main = join(root, 'dist', 'apps', 'cli', 'src', 'main.js');
if (!existsSync(main)) {
  process.stderr.write('rollcredits: compiling the checkout, once …\n');
  const { status } = spawnSync(process.execPath, [join(root, 'tools', 'build.js')], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}
await import(pathToFileURL(main).href);
