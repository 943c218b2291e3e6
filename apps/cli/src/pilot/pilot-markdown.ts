// A pilot as Markdown, to be pasted into a decision memo.
import type { Pilot } from './pilot.js';
import {
  costRows,
  keyText,
  madeRows,
  METHOD,
  NONE,
  SLICE_HEAD,
  sliceCells,
  slicesOf,
  sourceText,
  type FigureRow,
  type Slice,
} from './pilot-words.js';

export function pilotMarkdown(pilot: Pilot): string {
  const { report, models, reasons } = pilot;
  const sections = [
    '# Cost per usable clip',
    `> **${plain(report.statement)}**`,
    `## What was made\n\n${figureTable(madeRows(pilot))}`,
    `## What it cost\n\n${figureTable(costRows(pilot))}`,
    ...slicesOf(pilot).map(sliceSection),
  ];
  if (reasons.length > 0) {
    const rows = reasons.map(({ reason, count, byModel }) => [code(reason), ...byModel.map(String), String(count)]);
    sections.push(`## Why clips were turned down\n\n${table(['Reason', ...models.map(code), 'All'], rows)}`);
  }
  if (report.nextSteps.length > 0) sections.push(`## What to fix next\n\n${report.nextSteps.map((step) => `- ${plain(step)}`).join('\n')}`);
  sections.push(`## How it was counted\n\n${plain(sourceText(pilot))}\n\n${plain(METHOD)}`);
  return `${sections.join('\n\n')}\n`;
}

function figureTable(rows: readonly FigureRow[]): string {
  return table(
    ['', 'Figure', ''],
    rows.map(({ name, value, note }) => [plain(name), `**${plain(value)}**`, plain(note)]),
    [1],
  );
}

function sliceSection({ title, head, groups, hidden }: Slice): string {
  const rows = groups.map((group) => [code(group.key), ...sliceCells(group).map(plain)]);
  const more = hidden === 0 ? '' : `\n\n… and ${hidden} more.`;
  return `## ${title}\n\n${table([head, ...SLICE_HEAD], rows)}${more}`;
}

/** Every column but the first to the right, or those named. */
function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>, right?: readonly number[]): string {
  const isRight = (column: number): boolean => (right === undefined ? column > 0 : right.includes(column));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (isRight(column) ? '---:' : '---'))), ...rows.map(line)].join('\n');
}

/** Text that says itself, whatever is in it. */
function plain(text: string): string {
  return text
    .replace(/[\\`*[\]|~]/g, '\\$&')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

/** A name of the log as code: nothing in it is Markdown, and a pipe ends no cell. */
function code(name: string): string {
  if (name === '') return NONE;
  const ticks = Math.max(0, ...[...name.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(ticks + 1);
  const inner = ticks === 0 ? name : ` ${name} `;
  return `${fence}${keyText(inner).replaceAll('|', '\\|')}${fence}`;
}
