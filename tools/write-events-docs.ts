// `npm run docs`: writes docs/events.md where it differs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventsMarkdown } from './events-docs.js';

const root = process.cwd();
writeFileSync(join(root, 'docs', 'events.md'), eventsMarkdown(root));
