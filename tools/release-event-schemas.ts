// `npm run release:events`, once with each release: keeps the schemas of docs/events as what consumers now rely on; later ones are judged against it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.cwd();
const folder = join(root, 'docs', 'events');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const files = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => file.endsWith('.schema.json')).sort();
const schemas = Object.fromEntries(files.map((file) => [file, JSON.parse(readFileSync(join(folder, file), 'utf8')) as object]));
writeFileSync(join(folder, 'released.json'), `${JSON.stringify({ release: version, schemas }, null, 1)}\n`);
