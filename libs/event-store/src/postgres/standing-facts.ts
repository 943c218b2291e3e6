// 3 append · decides whether a refused command is one that stands in the log already: an append repeated after its answer was lost.
import type { AppendResult } from '../event-store.port.js';
import type { PendingAppend } from '../pending-append.js';

export const STANDING_FACTS = `
  SELECT e.stream, e.rev, e.pos, e.recorded_at_ms, e.command_index, e.meta, e.data
    FROM unnest($1::text[], $2::integer[]) AS w (stream, rev) JOIN events AS e ON e.stream = w.stream COLLATE "C" AND e.rev = w.rev`;

export type StandingRow = [
  stream: string,
  rev: number,
  pos: string,
  recordedAtMs: string,
  commandIndex: number,
  meta: string,
  data: string,
];

/** What to ask the log, and how its answer tells the commands whose every fact stands exactly where it was to be written. */
export function standing(commands: readonly PendingAppend[]): {
  values: [string[], number[]];
  match: (rows: StandingRow[]) => Map<PendingAppend, AppendResult>;
} {
  const wanted = commands.flatMap((command) => placesOf(command));
  return {
    values: [wanted.map(({ stream }) => stream), wanted.map(({ revision }) => revision)],
    match(rows) {
      const byPlace = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]));
      const repeated = new Map<PendingAppend, AppendResult>();
      for (const command of commands) {
        const found = placesOf(command).map(({ stream, revision }) => byPlace.get(`${stream} ${revision}`));
        const isSame = found.every(
          (row, index) => row?.[4] === index && row[5] === command.metaText && row[6] === command.dataTexts[index],
        );
        const first = found[0];
        if (isSame && first !== undefined) repeated.set(command, command.appended(Number(first[2]) - 1, Number(first[3]), true));
      }
      return repeated;
    },
  };
}

function placesOf(command: PendingAppend): Array<{ stream: string; revision: number }> {
  return command.appends.flatMap(({ stream, expectedRevision, facts }) =>
    facts.map((_fact, index) => ({ stream, revision: expectedRevision + 1 + index })),
  );
}
