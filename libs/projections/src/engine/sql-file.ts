// 4 project · reads a folder's table.sql, whether the code runs from source or from dist/ (where only JavaScript goes).
import { existsSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** `directory` is the caller's import.meta.dirname. */
export function readSql(directory: string, file: string): string {
  const beside = join(directory, file);
  if (existsSync(beside)) return readFileSync(beside, 'utf8');
  const dist = `${sep}dist${sep}libs${sep}`;
  return readFileSync(join(directory.replace(dist, `${sep}libs${sep}`), file), 'utf8');
}
