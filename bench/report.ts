// What a run leaves behind: a table for people, and the raw numbers as JSON.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Figure {
  /** A letter, as in the README. */
  leg: string;
  what: string;
  value: number;
  unit: string;
  /** What the value is compared with, in the same run. */
  aim?: string;
  reached?: boolean;
}

export interface LegResult {
  leg: string;
  title: string;
  figures: Figure[];
  /** Every round's numbers, as measured. */
  raw: unknown;
  /** When it was measured; legs of one run have the same. */
  at?: string;
}

export function printTable(results: readonly LegResult[]): void {
  for (const { leg, title, figures } of results) {
    console.log(`\n(${leg}) ${title}`);
    for (const figure of figures) {
      const aim =
        figure.aim === undefined
          ? ''
          : `   aim ${figure.aim}${figure.reached === undefined ? '' : figure.reached ? '  reached' : '  NOT reached'}`;
      console.log(`  ${figure.what.padEnd(62)} ${format(figure.value).padStart(10)} ${figure.unit}${aim}`);
    }
  }
}

/** Kept under its date; and in bench/results/latest.json, where the legs that this run left out stay as they were. */
export function keep(results: readonly LegResult[], directory: string): string {
  mkdirSync(directory, { recursive: true });
  const at = new Date().toISOString();
  const document = {
    at,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    results: results.map((leg) => ({ ...leg, at })),
  };
  const others = earlier(join(directory, 'latest.json')).filter(({ leg }) => !results.some((result) => result.leg === leg));
  const latest = { ...document, results: [...document.results, ...others].sort((a, b) => (a.leg < b.leg ? -1 : 1)) };
  const file = join(directory, `${at.slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(join(directory, 'latest.json'), `${JSON.stringify(latest, null, 2)}\n`);
  return file;
}

function earlier(file: string): LegResult[] {
  if (!existsSync(file)) return [];
  const { at, results } = JSON.parse(readFileSync(file, 'utf8')) as { at: string; results: LegResult[] };
  return results.map((leg) => ({ at, ...leg }));
}

function format(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
