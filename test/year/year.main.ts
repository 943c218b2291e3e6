// `npm run year`: a generated year on a PostgreSQL of its own (or --database-url), closed month by month, its books held against hledger.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { migrate, startEmbeddedPostgres } from '#libs/platform';
import { accountFor, type YearReport } from './accounting.js';

const OPTIONS = {
  tasks: { type: 'string', default: '100000' },
  accounts: { type: 'string', default: '500' },
  seed: { type: 'string', default: '20261121' },
  'lapsed-refund': { type: 'string', default: 'grace' },
  'database-url': { type: 'string' },
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'rollcredits-year-'));
  const own = values['database-url'] === undefined ? await startEmbeddedPostgres({ dataDir: join(folder, 'data') }) : null;
  try {
    const url = values['database-url'] ?? own!.url;
    await migrate(url);
    const options = {
      seed: Number(values.seed),
      accounts: Number(values.accounts),
      tasks: Number(values.tasks),
      ticksPerDay: 2,
      from: Date.UTC(2026, 0),
      months: 12,
      tenant: 'default',
      lapsedRefund: values['lapsed-refund'] === 'expire' ? ('expire' as const) : ('grace' as const),
      atOnce: 64,
    };
    const report = await accountFor(url, options, (line) => process.stdout.write(`${line}\n`));
    process.stdout.write(said(report, (performance.now() - startedAtMs) / 1_000));
    return report.faults.length === 0 && (report.hledger?.check ?? '') === '' ? 0 : 1;
  } finally {
    await own?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function said({ facts, tally, periods, faults, hledger, closesAtOnce }: YearReport, seconds: number): string {
  const lines = [
    '',
    `${facts} facts in ${seconds.toFixed(0)} s; ${periods.length} periods closed, ${closesAtOnce} of them by two at once with one answer`,
    [...tally]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([type, count]) => `${type} ${count}`)
      .join(' · '),
    hledger === null
      ? 'hledger is not installed: its part was left out'
      : `hledger check --strict on ${(hledger.exportBytes / 1e6).toFixed(1)} MB: ${hledger.check === '' ? 'nothing found' : hledger.check}`,
    faults.length === 0
      ? 'Every closing is the next opening; credits and money tie to the last unit.'
      : `${faults.length} things do not tie:`,
    ...faults.slice(0, 50),
  ];
  return `${lines.join('\n')}\n`;
}

process.exitCode = await main();
