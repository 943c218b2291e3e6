// 1 → HTTP out · the log of attempts as text, one JSON object a line: read for an import or a pilot, written for an export.
import type { ImportedAttempt } from '../clip/clip.facts.js';
import type { AttemptRecord } from '../studio.reads.port.js';
import { readAttemptLine, type ReadLine } from './attempt-line.js';
import { logLines } from './log-lines.js';

/** In lists of a handful to some hundreds, as the body arrives; nothing but a line that is under way is kept. Throws what the body throws. */
export async function* readAttemptLog(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReadLine[]> {
  for await (const lines of logLines(body)) yield lines.map(readAttemptLine);
}

/** One line with its line feed: members in the article's order, numbers with the very digits of the record. */
export function attemptLine(record: AttemptRecord): string {
  const members = [
    `"id": ${JSON.stringify(record.id)}`,
    `"brief_id": ${JSON.stringify(record.brief_id)}`,
    `"prompt_id": ${text(record.prompt_id)}`,
    `"prompt_version": ${text(record.prompt_version)}`,
    `"model": ${JSON.stringify(record.model)}`,
    `"duration_seconds": ${record.duration_seconds ?? 'null'}`,
    `"credits_used": ${record.credits_used}`,
    `"generation_cost_usd": ${record.generation_cost_usd ?? 'null'}`,
    `"asset_url": ${JSON.stringify(record.asset_url)}`,
    `"status": ${JSON.stringify(record.status)}`,
    `"rejection_reason": ${JSON.stringify(record.rejection_reason)}`,
    `"review_minutes": ${record.review_minutes}`,
    `"editing_minutes": ${record.editing_minutes}`,
    `"published": ${record.published}`,
    `"created_at": ${JSON.stringify(record.created_at)}`,
  ];
  return `{${members.join(', ')}}\n`;
}

/** An attempt as it was imported, as a record of the log. */
export function recordOf(attempt: ImportedAttempt): AttemptRecord {
  return { ...attempt };
}

/** '' stands for: without a prompt of its own. */
function text(value: string): string {
  return value === '' ? 'null' : JSON.stringify(value);
}
