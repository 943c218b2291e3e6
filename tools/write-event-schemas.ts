// `npm run docs`: writes the schema of every published fact to docs/events. A file of an older version is left where it is.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventSchemas } from './event-schemas.js';

const root = process.cwd();
for (const [path, schema] of eventSchemas(root)) {
  const file = join(root, 'docs', 'events', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
}
