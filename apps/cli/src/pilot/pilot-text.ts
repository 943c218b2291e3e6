// A pilot on the terminal: its sentence, its figures, what to fix next.
import { columns } from '../lines.js';
import { costRows, keyText, madeRows, SLICE_HEAD, sliceCells, slicesOf, sourceText, type FigureRow, type Slice } from './pilot-words.js';
import type { Pilot } from './pilot.js';

export function pilotText(pilot: Pilot): string {
  const { report, reasons } = pilot;
  const blocks = [report.statement, figures([...madeRows(pilot), null, ...costRows(pilot)]), ...slicesOf(pilot).map(sliceText)];
  if (reasons.length > 0) blocks.push(reasonsText(pilot));
  if (report.nextSteps.length > 0) blocks.push(`What to fix next\n${report.nextSteps.map((step) => `- ${step}`).join('\n')}`);
  return [...blocks, sourceText(pilot)].join('\n\n');
}

function figures(rows: Array<FigureRow | null>): string {
  const shown = rows.filter((row) => row !== null);
  const name = Math.max(...shown.map((row) => row.name.length));
  const value = Math.max(...shown.map((row) => row.value.length));
  const lines = rows.map((row) => (row === null ? '' : `${row.name.padEnd(name)}  ${row.value.padStart(value)}  ${row.note}`.trimEnd()));
  return lines.join('\n');
}

function sliceText({ head, groups, hidden }: Slice): string {
  const rows = groups.map((group) => [keyText(group.key), ...sliceCells(group)]);
  const table = columns([head, ...SLICE_HEAD], rows, [1, 2, 3, 4, 5, 6]);
  return hidden === 0 ? table : `${table}\n… and ${hidden} more`;
}

function reasonsText({ models, reasons }: Pilot): string {
  // A terminal is not as wide as a log may have models; --html and --markdown show more.
  const shown = models.slice(0, 4);
  const rows = reasons.map(({ reason, count, byModel }) => [reason, ...byModel.slice(0, shown.length), count]);
  return columns(['Rejection reason', ...shown.map(keyText), 'All'], rows);
}
