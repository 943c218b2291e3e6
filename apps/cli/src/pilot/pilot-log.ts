// Reads the log of a pilot, of any length, in flat memory: attempts are folded into cells as they come, and only refused lines are kept by name.
import { createReadStream } from 'node:fs';
import { fromIso, toIso, type InstantMs } from '#libs/kernel';
import { AttemptFold, readAttemptLog, recordOf, SeenAttempts, type AttemptCell, type FoldKey, type RejectedAttempt } from '#libs/studio';
import { CliError, EXIT } from '../exit-codes.js';

export const REJECTED_SHOWN_MAX = 1_000;

export interface PilotLog {
  /** The file's name, or `standard input`. */
  source: string;
  cells: AttemptCell[];
  accepted: number;
  duplicates: number;
  rejectedCount: number;
  /** The first thousand. */
  rejected: RejectedAttempt[];
  /** The UTC days of the first attempt and the last; null without one. */
  period: { from: string; to: string } | null;
}

export type LogBytes = AsyncIterable<Uint8Array>;

/** `-` is standard input. */
export function openLog(file: string): LogBytes {
  return file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 262_144 });
}

/** `onRejected` is told of the lines that are kept by name, as they come. Throws a CliError where the log cannot be read. */
export async function readPilotLog(
  body: LogBytes,
  source: string,
  keys: Iterable<FoldKey>,
  onRejected: (line: RejectedAttempt) => void = () => undefined,
): Promise<PilotLog> {
  const fold = new AttemptFold(keys);
  const seen = new SeenAttempts();
  const rejected: RejectedAttempt[] = [];
  const counts = { accepted: 0, duplicates: 0, rejectedCount: 0 };
  let [first, last]: [InstantMs, InstantMs] = [Infinity, -Infinity];
  const reject = (line: RejectedAttempt): void => {
    counts.rejectedCount += 1;
    if (rejected.length >= REJECTED_SHOWN_MAX) return;
    rejected.push(line);
    onRejected(line);
  };
  try {
    for await (const lines of readAttemptLog(body))
      for (const read of lines) {
        if ('errors' in read) {
          reject(read);
          continue;
        }
        const { attempt, line } = read;
        const known = seen.see(attempt);
        if (known === 'same') counts.duplicates += 1;
        else if (known === 'other') reject({ line, id: attempt.id, errors: [OTHER_CONTENT] });
        else {
          counts.accepted += 1;
          fold.add(recordOf(attempt));
          const instant = fromIso(attempt.created_at);
          if (instant < first) first = instant;
          if (instant > last) last = instant;
        }
      }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, `${source} cannot be read: ${code ?? message}`, { code: 'usage' });
  }
  const period = counts.accepted === 0 ? null : { from: toIso(first).slice(0, 10), to: toIso(last).slice(0, 10) };
  return { source, cells: fold.cells(), ...counts, rejected, period };
}

const OTHER_CONTENT = { field: 'id', code: 'already_exists', detail: 'stands in a line before with other content' } as const;
