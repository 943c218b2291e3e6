// What a pilot is asked on the command line, as a report is asked it; amounts are in major units, as people write them.
import { decimalsOf } from '#libs/finance';
import { formatDecimal, parseDecimal, parseFraction } from '#libs/kernel';
import { isCurrency } from '#libs/ledger';
import { REPORT_GROUPS, type ReportGroup, type ReportOptions } from '#libs/studio';
import { CliError, EXIT } from '../exit-codes.js';

export interface PilotOptions {
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
export const LOG_GROUPS: readonly string[] = REPORT_GROUPS.filter((group) => !['campaign', 'channel', 'format'].includes(group));
const HOURLY_RATE_DEFAULT = '60';
const AMOUNT_DIGITS_MAX = 10;

/** Throws a CliError. */
export function reportOptionsOf(options: PilotOptions): ReportOptions {
  const currency = options.currency ?? 'USD';
  if (!isCurrency(currency)) throw usage(`--currency ${currency} is no code of ISO 4217`);
  const { groupBy = null } = options;
  if (groupBy !== null && !LOG_GROUPS.includes(groupBy)) throw usage(`--group-by is one of ${LOG_GROUPS.join(', ')}: a log knows no other`);
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
  const value = parseDecimal(text, { integerDigitsMax: AMOUNT_DIGITS_MAX, fractionDigitsMax: decimals });
  if (value === null) throw usage(`${flag} ${text} must be an amount from 0 with at most ${decimals} decimals`);
  return Number(value.digits * 10n ** BigInt(decimals - value.scale));
}

function rateOf(text: string): string {
  const percent = text.endsWith('%') ? parseDecimal(text.slice(0, -1)) : null;
  const rate = percent === null ? text : formatDecimal({ digits: percent.digits, scale: percent.scale + 2 });
  if (parseFraction(rate) === null) throw usage(`--quality-bar ${text} must be from 0 to 1 with at most 6 decimals, or a percentage`);
  return rate;
}

export function usage(message: string): CliError {
  return new CliError(EXIT.usage, message, { code: 'usage' });
}
