// Which release this process runs: processes of different releases may understand a message differently, so they do not send each other any.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrationsDir, readMigrations } from '#libs/platform';

/** Changed with every change of what is sent. */
const PROTOCOL = 1;

export function releaseOf(): string {
  const { version } = JSON.parse(readFileSync(join(migrationsDir(), '..', '..', '..', 'package.json'), 'utf8')) as { version: string };
  const schema = createHash('sha256');
  for (const { name, checksum } of readMigrations()) schema.update(`${name} ${checksum}\n`);
  return `${version}/${PROTOCOL}/${schema.digest('hex').slice(0, 12)}`;
}
