// What a run leaves behind: a table for people, and the raw numbers as JSON.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Figure {
  /** `a` to `h`, as in the README. */
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

/** Kept as bench/results/latest.json, and under its date. */
export function keep(results: readonly LegResult[], directory: string): string {
  mkdirSync(directory, { recursive: true });
  const at = new Date().toISOString();
  const document = {
    at,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    results,
  };
  const file = join(directory, `${at.slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(join(directory, 'latest.json'), `${JSON.stringify(document, null, 2)}\n`);
  return file;
}

function format(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
