// What a pilot comes to: the report over its log, and the slices that every one of its forms shows.
import { isRefusal } from '#libs/kernel';
import {
  costPerUsableClip,
  REJECTION_REASONS,
  type RejectionReason,
  type Report,
  type ReportGroup,
  type ReportOptions,
} from '#libs/studio';
import { CliError, EXIT } from '../exit-codes.js';
import type { PilotLog } from './pilot-log.js';

export type Group = Report['groups'][number];

export interface ReasonRow {
  reason: RejectionReason;
  count: number;
  /** In the order of `models`. */
  byModel: number[];
}

export interface Pilot {
  log: PilotLog;
  report: Report;
  groupBy: ReportGroup | null;
  byPromptVersion: Group[];
  byModel: Group[];
  models: string[];
  /** The most frequent first. */
  reasons: ReasonRow[];
}

/** Forms show so many rows of a slice, the largest ones; a log with more of them is no pilot. */
export const ROWS_SHOWN_MAX = 40;

export function pilotOf(log: PilotLog, options: ReportOptions): Pilot {
  const report = reportOf(log, options);
  const byPromptVersion = reportOf(log, { ...options, groupBy: 'promptVersion' }).groups;
  const byModel = reportOf(log, { ...options, groupBy: 'model' }).groups;
  const models = largest(byModel).map(({ key }) => key);
  return { log, report, groupBy: options.groupBy, byPromptVersion, byModel, models, reasons: reasonsOf(log, models) };
}

function reportOf(log: PilotLog, options: ReportOptions): Report {
  const report = costPerUsableClip(log.cells, options);
  if (isRefusal(report)) throw new CliError(EXIT.usage, report.detail, { code: report.code });
  const isElsewhere = report.currency !== 'USD' && log.cells.some(({ ledgerCost }) => ledgerCost['USD'] !== '0');
  if (isElsewhere)
    throw new CliError(EXIT.usage, `the log names its costs in USD, and there is no conversion to ${report.currency}`, { code: 'usage' });
  return report;
}

function reasonsOf({ cells }: PilotLog, models: readonly string[]): ReasonRow[] {
  const rows = REJECTION_REASONS.map((reason): ReasonRow => {
    const counted = cells.filter(({ reasons }) => reasons.includes(reason));
    const sum = (some: typeof counted): number => some.reduce((total, { generations }) => total + generations, 0);
    return { reason, count: sum(counted), byModel: models.map((model) => sum(counted.filter((cell) => cell.model === model))) };
  });
  return rows.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}

/** The largest of a slice, in the slice's own order. */
export function largest(groups: readonly Group[], max: number = ROWS_SHOWN_MAX): Group[] {
  if (groups.length <= max) return [...groups];
  const kept = new Set([...groups].sort((a, b) => b.totalGenerations - a.totalGenerations).slice(0, max));
  return groups.filter((group) => kept.has(group));
}
