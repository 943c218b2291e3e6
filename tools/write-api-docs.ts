// Writes openapi.json and docs/errors.md from the code; run by `npm run openapi`.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_CONTROLLERS, errorsDocument, openApiDocument } from '#apps/api';

// This file is dist/tools/write-api-docs.js when it runs.
const root = join(import.meta.dirname, '..', '..');
writeFileSync(join(root, 'openapi.json'), `${JSON.stringify(openApiDocument(API_CONTROLLERS), null, 2)}\n`);
writeFileSync(join(root, 'docs', 'errors.md'), errorsDocument());
