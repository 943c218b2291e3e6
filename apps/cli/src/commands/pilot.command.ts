// `rollcredits pilot <file.jsonl>`: what a usable clip cost, from a log of attempts alone; needs no server and no database.
import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Command, Option } from 'nest-commander';
import { decimalsOf } from '#libs/finance';
import { formatDecimal, parseDecimal, parseFraction } from '#libs/kernel';
import { isCurrency } from '#libs/ledger';
import { REPORT_GROUPS, type RejectedAttempt, type ReportGroup, type ReportOptions } from '#libs/studio';
import { CliError, EXIT } from '../exit-codes.js';
import { print } from '../lines.js';
import { pilotHtml } from '../pilot/pilot-html.js';
import { openLog, readPilotLog, REJECTED_SHOWN_MAX, type PilotLog } from '../pilot/pilot-log.js';
import { pilotMarkdown } from '../pilot/pilot-markdown.js';
import { pilotText } from '../pilot/pilot-text.js';
import { pilotOf } from '../pilot/pilot.js';
import { CliCommand, type JsonOptions } from './cli.command.js';

interface PilotOptions extends JsonOptions {
  markdown?: string;
  html?: string;
  hourlyRate?: string;
  currency?: string;
  toolingCost?: string;
  complianceCost?: string;
  benchmarkCost?: string;
  qualityBar?: string;
  groupBy?: string;
  format?: string;
  channel?: string;
}

/** A log says nothing of the others: they are its briefs'. */
const GROUPS: readonly string[] = REPORT_GROUPS.filter((group) => !['campaign', 'channel', 'format'].includes(group));
const HOURLY_RATE_DEFAULT = '60';
const MONEY_LIMITS = { integerDigitsMax: 10, fractionDigitsMax: 3 };

@Command({
  name: 'pilot',
  arguments: '<file>',
  description: 'what a usable clip cost, from a log of attempts (JSON Lines; - is standard input); needs no server',
})
export class PilotCommand extends CliCommand {
  async run([file = '']: string[], options: PilotOptions): Promise<void> {
    const reportOptions = reportOptionsOf(options);
    for (const out of [options.markdown, options.html])
      if (out !== undefined && file !== '-' && resolve(out) === resolve(file)) throw usage(`${out} is the log itself`);
    const source = file === '-' ? 'standard input' : basename(file);
    const keys =
      reportOptions.groupBy === 'brief' ? (['model', 'promptVersion', 'briefId'] as const) : (['model', 'promptVersion'] as const);
    const log = await readPilotLog(openLog(file), source, keys, sayRejected);
    const { rejectedCount } = log;
    if (rejectedCount > REJECTED_SHOWN_MAX) process.stderr.write(`… and ${rejectedCount - REJECTED_SHOWN_MAX} more lines\n`);

    const pilot = pilotOf(log, reportOptions);
    if (options.markdown !== undefined) write(options.markdown, pilotMarkdown(pilot));
    if (options.html !== undefined) write(options.html, pilotHtml(pilot));
    print(options.json === true ? JSON.stringify({ ...pilot.report, log: logAnswer(log) }) : pilotText(pilot));
    if (rejectedCount > 0) throw new CliError(EXIT.refused, '', { silent: true });
  }

  @Option({ flags: '--markdown <file>', description: 'write the report as Markdown, too' })
  parseMarkdown(file: string): string {
    return file;
  }

  @Option({ flags: '--html <file>', description: 'write the report as one HTML file with charts, too' })
  parseHtml(file: string): string {
    return file;
  }

  @Option({ flags: '--hourly-rate <amount>', description: 'what an hour of review or editing costs (default: 60)' })
  parseHourlyRate(amount: string): string {
    return amount;
  }

  @Option({ flags: '--currency <code>', description: 'of all amounts (default: USD, the currency of a log)' })
  parseCurrency(code: string): string {
    return code;
  }

  @Option({ flags: '--tooling-cost <amount>', description: 'what storage, orchestration and tools cost in all' })
  parseToolingCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--compliance-cost <amount>', description: 'what compliance cost in all' })
  parseComplianceCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--benchmark-cost <amount>', description: "today's cost per usable clip; with --quality-bar" })
  parseBenchmarkCost(amount: string): string {
    return amount;
  }

  @Option({ flags: '--quality-bar <rate>', description: 'the least usable rate, 0.25 or 25%; with --benchmark-cost' })
  parseQualityBar(rate: string): string {
    return rate;
  }

  @Option({ flags: '--group-by <slice>', description: `another slice to show: ${GROUPS.join(', ')}` })
  parseGroupBy(slice: string): string {
    return slice;
  }

  @Option({ flags: '--format <name>', description: 'how the sentence calls the format' })
  parseFormat(name: string): string {
    return name;
  }

  @Option({ flags: '--channel <name>', description: 'how the sentence calls the channel' })
  parseChannel(name: string): string {
    return name;
  }
}

function reportOptionsOf(options: PilotOptions): ReportOptions {
  const currency = options.currency ?? 'USD';
  if (!isCurrency(currency)) throw usage(`--currency ${currency} is no code of ISO 4217`);
  const { groupBy = null } = options;
  if (groupBy !== null && !GROUPS.includes(groupBy)) throw usage(`--group-by is one of ${GROUPS.join(', ')}: a log knows no other`);
  const amount = (flag: string, text: string): number => minorOf(flag, text, currency);
  return {
    groupBy: groupBy as ReportGroup | null,
    hourlyRateMinor: amount('--hourly-rate', options.hourlyRate ?? HOURLY_RATE_DEFAULT),
    toolingCostMinor: amount('--tooling-cost', options.toolingCost ?? '0'),
    complianceCostMinor: amount('--compliance-cost', options.complianceCost ?? '0'),
    costSource: 'ledger',
    currency,
    benchmark: benchmarkOf(options, currency, amount),
    format: options.format ?? null,
    channel: options.channel ?? null,
  };
}

function benchmarkOf(
  { benchmarkCost, qualityBar }: PilotOptions,
  currency: string,
  amount: (flag: string, text: string) => number,
): ReportOptions['benchmark'] {
  if (benchmarkCost === undefined && qualityBar === undefined) return null;
  if (benchmarkCost === undefined || qualityBar === undefined) throw usage('--benchmark-cost and --quality-bar belong together');
  const costPerUsableClip = { currency, amountMinor: amount('--benchmark-cost', benchmarkCost) };
  return { name: 'the current workflow', costPerUsableClip, qualityBar: { usableRate: rateOf(qualityBar) } };
}

/** Major units, as people write them: `62.50`. */
function minorOf(flag: string, text: string, currency: string): number {
  const decimals = decimalsOf(currency);
  const value = parseDecimal(text, { ...MONEY_LIMITS, fractionDigitsMax: decimals });
  if (value === null) throw usage(`${flag} ${text} must be an amount from 0 with at most ${decimals} decimals`);
  return Number(value.digits * 10n ** BigInt(decimals - value.scale));
}

function rateOf(text: string): string {
  const percent = text.endsWith('%') ? parseDecimal(text.slice(0, -1)) : null;
  const rate = percent === null ? text : formatDecimal({ digits: percent.digits, scale: percent.scale + 2 });
  if (parseFraction(rate) === null) throw usage(`--quality-bar ${text} must be from 0 to 1 with at most 6 decimals, or a percentage`);
  return rate;
}

function sayRejected({ line, id, errors }: RejectedAttempt): void {
  const said = errors.map(({ field, detail }) => `${field === null ? '' : `${field} `}${detail}`).join('; ');
  process.stderr.write(`line ${line}${id === null ? '' : ` (${printable(id)})`}: ${printable(said)}\n`);
}

/** What a log says reaches the terminal without what could drive it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd');
}

function logAnswer({ accepted, duplicates, rejectedCount, rejected, period }: PilotLog): object {
  return { accepted, duplicates, rejectedCount, rejected, period };
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw usage(`${file} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

function usage(message: string): CliError {
  return new CliError(EXIT.usage, message, { code: 'usage' });
}
