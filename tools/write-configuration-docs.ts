// Writes docs/configuration.md from the declared settings; `npm run docs` runs it and a test diffs its answer.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationDocument } from '#libs/platform';

// This file is dist/tools/write-configuration-docs.js when it runs.
writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), configurationDocument());
